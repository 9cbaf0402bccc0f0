import Glibc
import Primitives
import Testing

@Suite struct KeyTests {
    /// RFC 8032, section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc).
    @Test(arguments: [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                + "d25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                + "387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                + "4a7c15e9716ed28dc027beceea1ec40a",
        ],
        [
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                + "454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
                + "3dca179c138ac17ad9bef1177331a704",
        ],
    ])
    func signsAndVerifiesThePublishedVectors(_ vector: [String]) throws {
        let key = try #require(SecretKey(seed: try Hex.decode(vector[0])))
        #expect(key.publicKey.hex == vector[1])
        let message = try Hex.decode(vector[2])
        let signature = key.sign(message)
        #expect(signature.description == vector[3])
        #expect(key.publicKey.isValid(signature, for: message))
        #expect(!key.publicKey.isValid(signature, for: message + [0]))
        var bytes = signature.bytes
        bytes[40] ^= 1
        #expect(!key.publicKey.isValid(try #require(Signature(bytes: bytes)), for: message))
    }

    @Test func aSignatureIsValidInItsDomainOnly() {
        let key = SecretKey.generate()
        let signature = key.sign(domain: "transaction", message: [0x80])
        #expect(key.publicKey.isValid(signature, domain: "transaction", message: [0x80]))
        #expect(!key.publicKey.isValid(signature, domain: "vote", message: [0x80]))
        #expect(signedBytes(kind: "vote", body: [0x80]) == [UInt8]("vinculum/vote/1\0".utf8) + [0x80])
    }

    /// The did:key method specification (W3C Credentials Community Group), section on Ed25519.
    @Test(arguments: [
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG",
        "did:key:z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf",
    ])
    func readsAndWritesThePublishedIdentifiers(_ text: String) throws {
        let key = try PublicKey(didKey: text)
        #expect(key.didKey == text)
        #expect(try AccountID(text: text).publicKey == key)
    }

    @Test func refusesIdentifiersOfOtherKeys() {
        let others = [
            "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",  // X25519
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",  // secp256k1
            "did:key:", "did:web:example.org", "did:key:u7QE",
        ]
        for text in others { #expect(throws: FormatError.self, "\(text)") { try PublicKey(didKey: text) } }
    }

    @Test func aKeyFileIsPrivateAndIsNotReplaced() throws {
        let path = "/tmp/vinculum-key-test-\(Hex.encode(SecureRandom.bytes(count: 8)))"
        defer { unlink(path) }
        let key = SecretKey.generate()
        try key.save(to: path)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try SecretKey.load(from: path).publicKey == key.publicKey)

        func code(_ body: () throws(KeyFileError) -> Void) -> KeyFileError.Code? {
            do {
                try body()
                return nil
            } catch { return error.code }
        }
        #expect(code { () throws(KeyFileError) in try key.save(to: path) } == .exists)
        chmod(path, 0o640)
        #expect(code { () throws(KeyFileError) in _ = try SecretKey.load(from: path) } == .permissionsTooWide)
        chmod(path, 0o600)
        truncate(path, 31)
        #expect(code { () throws(KeyFileError) in _ = try SecretKey.load(from: path) } == .wrongLength)
        #expect(code { () throws(KeyFileError) in _ = try SecretKey.load(from: path + "-none") } == .notFound)
        #expect(code { () throws(KeyFileError) in _ = try SecretKey.load(from: "/tmp") } == .notRegularFile)
    }

    @Test func randomBytesDiffer() {
        #expect(SecureRandom.bytes(count: 32) != SecureRandom.bytes(count: 32))
        #expect(SecureRandom.bytes(count: 0).isEmpty)
        #expect(SecretKey(seed: [1, 2]) == nil)
    }
}
