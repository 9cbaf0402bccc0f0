import Primitives
import Testing

/// RFC 9381, appendix B.3 (ECVRF-EDWARDS25519-SHA512-TAI), examples 16 to 18. IETF Trust, code components under the
/// Revised BSD licence; the values are facts.
@Suite struct VRFTests {
    struct Vector: Sendable {
        let seed: String
        let key: String
        let input: String
        let proof: String
        let output: String
    }

    static let vectors = [
        Vector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", input: "",
            proof: "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d97"
                + "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
            output: "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798"
                + "e8f81cd2e333de5cdf4f3e140fdd8ae"),
        Vector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", input: "72",
            proof: "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465"
                + "301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
            output: "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848"
                + "a0bef4553a41befc57663b56373a5031"),
        Vector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            key: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", input: "af82",
            proof: "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0"
                + "e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
            output: "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241"
                + "578be7217ba85a2687f7a0310b2df19f"),
    ]

    @Test(arguments: vectors) func provesAndVerifiesThePublishedVectors(_ vector: Vector) throws {
        let key = try #require(SecretKey(seed: try Hex.decode(vector.seed)))
        let input = try Hex.decode(vector.input)
        #expect(Hex.encode(key.publicKey.bytes) == vector.key)
        let proof = try #require(VRF.prove(input, with: key))
        #expect(Hex.encode(proof) == vector.proof)
        let output = try #require(VRF.verify(proof, of: input, by: key.publicKey))
        #expect(Hex.encode(output) == vector.output)
        #expect(VRF.output(ofProof: proof) == output)
    }

    @Test func refusesAnotherKeyAnotherInputAndEveryFlippedBit() throws {
        let key = try #require(SecretKey(seed: [UInt8](repeating: 7, count: 32)))
        let other = try #require(SecretKey(seed: [UInt8](repeating: 8, count: 32)))
        let proof = try #require(VRF.prove([1, 2, 3], with: key))
        #expect(VRF.verify(proof, of: [1, 2, 4], by: key.publicKey) == nil)
        #expect(VRF.verify(proof, of: [1, 2, 3], by: other.publicKey) == nil)
        #expect(VRF.verify(Array(proof.dropLast()), of: [1, 2, 3], by: key.publicKey) == nil)
        for bit in 0..<proof.count * 8 {
            var changed = proof
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(VRF.verify(changed, of: [1, 2, 3], by: key.publicKey) == nil, "bit \(bit)")
        }
    }

    @Test func refusesAResponseThatIsNotReduced() throws {
        let key = try #require(SecretKey(seed: [UInt8](repeating: 9, count: 32)))
        let proof = try #require(VRF.prove([], with: key))
        // The order of the group, added to s: the same scalar in a second form.
        let order = try Hex.decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var changed = proof
        var carry = 0
        for index in 0..<32 {
            let sum = Int(proof[48 + index]) + Int(order[index]) + carry
            changed[48 + index] = UInt8(truncatingIfNeeded: sum)
            carry = sum >> 8
        }
        #expect(VRF.verify(changed, of: [], by: key.publicKey) == nil)
    }

    /// RFC 9381, section 5.4.5: with a key of small order every input would have one output.
    @Test(arguments: [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ])
    func refusesKeysOfSmallOrder(_ hex: String) throws {
        let key = try #require(PublicKey(bytes: try Hex.decode(hex)))
        let proof = try #require(VRF.prove([1], with: SecretKey.generate()))
        #expect(VRF.verify(proof, of: [1], by: key) == nil)
        #expect(VRF.verify([UInt8](repeating: 0, count: 80), of: [1], by: key) == nil)
    }
}
