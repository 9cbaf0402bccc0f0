import Primitives
import Testing

@Suite struct IdentityTests {
    /// RFC 7693, appendix A gives BLAKE2b-512 only; these are `b2sum -l 256` and FIPS 180-4's example.
    @Test func digestsAreTheStandardOnes() throws {
        let abc = [UInt8]("abc".utf8)
        #expect(
            Digest.blake2b256(abc).hex == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
        #expect(
            Digest.blake2b256([UInt8]()).hex == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
        #expect(Digest.sha256(abc).hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        var hasher = DigestHasher()
        hasher.update([0x61])
        hasher.update([0x62, 0x63])
        #expect(hasher.finish() == .blake2b256(abc))
        #expect(Digest.blake2b256(abc.span.bytes) == .blake2b256(abc))
        #expect(try Digest(hex: Digest.sha256(abc).hex) == .sha256(abc))
        #expect(Digest(bytes: [1, 2, 3]) == nil)
    }

    @Test func digestsAreOrderedAsTheirBytes() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            var first = generator.bytes(count: 32)
            let second = Bool.random(using: &generator) ? first : generator.bytes(count: 32)
            first[Int.random(in: 0..<32, using: &generator)] ^= 1
            let order = first.lexicographicallyPrecedes(second)
            #expect(((Digest(bytes: first) ?? .zero) < (Digest(bytes: second) ?? .zero)) == order)
        }
    }

    @Test func contentIdentifiersHaveOneTextAndOneBinaryForm() throws {
        let made = CID.of(dagCBOR: [0xa0])
        #expect(made.text.hasPrefix("bafy2bz"))
        #expect(try CID(text: made.text) == made)
        #expect(try CID(bytes: made.bytes) == made)
        #expect(made.matches([0xa0]))
        #expect(!made.matches([0xa1]))
        // The empty DAG-CBOR map under SHA-256, as IPFS shows it.
        let known = try CID(text: "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua")
        #expect(known.hashFunction == .sha256)
        #expect(known.matches([0xa0]))
        #expect(known.codec == .dagCBOR)
    }

    @Test func contentIdentifiersOfOtherFormsAreRefusedWithTheReason() throws {
        let good = CID.of(raw: [1]).bytes
        func code(_ bytes: [UInt8]) -> FormatError.Code? {
            do {
                _ = try CID(bytes: bytes)
                return nil
            } catch { return error.code }
        }
        #expect(code(good) == nil)
        #expect(code(good + [0]) == .trailingBytes)
        #expect(code(good.dropLast()) == .truncated)
        #expect(code([0] + good.dropFirst()) == .unsupported)
        #expect(code([1, 0x70] + good.dropFirst(2)) == .unsupported)
        #expect(code([1, 0x55, 0x13, 64] + [UInt8](repeating: 0, count: 64)) == .unsupported)
        #expect(code([1, 0x55, 0x12, 31] + [UInt8](repeating: 0, count: 31)) == .wrongLength)
        #expect(throws: FormatError.self) { try CID(text: "QmRgutAxd8t7oGkSm4wmeuByG6M51wcTso6cubDdQtuEfL") }
    }

    @Test func amountsAreReadAndPrintedExactly() throws {
        #expect(try Amount("1").baseUnits == 1_000_000_000_000_000_000)
        #expect(try Amount("0.000000000000000001").baseUnits == 1)
        #expect(try Amount("12.5").description == "12.5")
        #expect(try Amount("007.100").description == "7.1")
        #expect(Amount.zero.description == "0")
        #expect(Amount.maximum.description == "340282366920938463463.374607431768211455")
        #expect(try Amount(Amount.maximum.description) == .maximum)
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1.0000000000000000001", " 1", "1,5", "1.2.3", "٣"] {
            #expect(throws: AmountError.self, "\(text)") { try Amount(text) }
        }
        #expect(throws: AmountError.overflow) { try Amount("340282366920938463463.374607431768211456") }
    }

    @Test func amountArithmeticIsCheckedAndExact() throws {
        let one = Amount(tokens: 1)
        #expect(try one.adding(one) == Amount(tokens: 2))
        #expect(throws: AmountError.overflow) { try Amount.maximum.adding(Amount(baseUnits: 1)) }
        #expect(throws: AmountError.underflow) { try one.subtracting(Amount(tokens: 2)) }
        #expect(try Amount.maximum.multiplied(by: 7, dividedBy: 7) == .maximum)
        #expect(try Amount(baseUnits: 10).multiplied(by: 1, dividedBy: 3).baseUnits == 3)
        #expect(throws: AmountError.overflow) { try Amount.maximum.multiplied(by: 3, dividedBy: 2) }
        #expect(throws: AmountError.divisionByZero) { try one.multiplied(by: 3, dividedBy: 0) }
        #expect(throws: AmountError.overflow) { try Amount.maximum.multiplied(by: 2) }
        #expect(Hex.encode(Amount(baseUnits: 258).encoded()) == "5000000000000000000000000000000102")
    }

    @Test func accountsAreNamedByKeyByMultiSignatureOrByModule() throws {
        let key = SecretKey.generate().publicKey
        let accounts = [
            AccountID(key), AccountID(kind: .multiSignature, payload: .blake2b256([1])),
            AccountID.derived(module: "federation", id: [1, 2]),
        ]
        for account in accounts {
            #expect(try AccountID(text: account.text) == account)
            #expect(try AccountID(bytes: account.bytes) == account)
            #expect(try AccountID.decode(account.encoded()) == account)
            #expect(account.bytes.count == 33)
        }
        #expect(accounts[0].text == key.didKey)
        #expect(accounts[0].publicKey == key)
        #expect(accounts[1].text.hasPrefix("vin:multi:b"))
        #expect(AccountID.derived(module: "federation", id: [1]) != accounts[2])
        #expect(AccountID.derived(module: "market", id: [1, 2]) != accounts[2])
        for text in ["", "did:web:x", "vin:multi:", "vin:multi:zabc", "vin:derived:bmy"] {
            #expect(throws: FormatError.self, "\(text)") { try AccountID(text: text) }
        }
        #expect(throws: CBORError.self) { try AccountID.decode([0x58, 33, 3] + [UInt8](repeating: 0, count: 32)) }
    }
}
