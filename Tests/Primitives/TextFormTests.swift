import Primitives
import Testing

@Suite struct TextFormTests {
    /// RFC 4648, section 10, in the alphabets and cases used here.
    @Test func matchesThePublishedBaseVectors() throws {
        let vectors: [(String, String, String, String)] = [
            ("", "", "", ""), ("f", "66", "my", "Zg"), ("fo", "666f", "mzxq", "Zm8"),
            ("foo", "666f6f", "mzxw6", "Zm9v"), ("foob", "666f6f62", "mzxw6yq", "Zm9vYg"),
            ("fooba", "666f6f6261", "mzxw6ytb", "Zm9vYmE"), ("foobar", "666f6f626172", "mzxw6ytboi", "Zm9vYmFy"),
        ]
        for (plain, hex, base32, base64) in vectors {
            let bytes = [UInt8](plain.utf8)
            #expect(Hex.encode(bytes) == hex)
            #expect(Base32.encode(bytes) == base32)
            #expect(Base64URL.encode(bytes) == base64)
            #expect(try Hex.decode(hex) == bytes)
            #expect(try Base32.decode(base32) == bytes)
            #expect(try Base64URL.decode(base64) == bytes)
        }
    }

    /// draft-msporny-base58-03, section 5, and the multibase specification's examples (`yes mani !`).
    @Test func matchesThePublishedBase58AndMultibaseVectors() throws {
        let hello = [UInt8]("Hello World!".utf8)
        #expect(Base58BTC.encode(hello) == "2NEpo7TZRRrLZSi2U")
        #expect(try Base58BTC.decode("2NEpo7TZRRrLZSi2U") == hello)
        let zeros = try Hex.decode("0000287fb4cd")
        #expect(Base58BTC.encode(zeros) == "11233QC4")
        #expect(try Base58BTC.decode("11233QC4") == zeros)
        let quick = [UInt8]("The quick brown fox jumps over the lazy dog.".utf8)
        #expect(Base58BTC.encode(quick) == "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z")

        let yes = [UInt8]("yes mani !".utf8)
        let texts = ["f796573206d616e692021", "bpfsxgidnmfxgsibb", "z7paNL19xttacUY", "ueWVzIG1hbmkgIQ"]
        for text in texts {
            let (base, bytes) = try Multibase.decode(text)
            #expect(bytes == yes)
            #expect(base.encode(yes) == text)
        }
        let leading = [UInt8]("\0\0yes mani !".utf8)
        #expect(Multibase.base58btc.encode(leading) == "z117paNL19xttacUY")
        #expect(try Multibase.decode("z117paNL19xttacUY").bytes == leading)
    }

    @Test(arguments: [
        "f0", "f0G", "fAB", "b1", "ba", "bmz", "bmzxw6ytboib", "z0", "zl", "uZh", "uZg=", "u*", "m", "", "é",
    ])
    func refusesTextThatIsNotTheOneFormOfSomeBytes(_ text: String) {
        #expect(throws: FormatError.self) { try Multibase.decode(text) }
    }

    @Test func varintsHaveOneForm() throws {
        // From the unsigned-varint specification of multiformats.
        let vectors: [(UInt64, String)] = [
            (1, "01"), (127, "7f"), (128, "8001"), (255, "ff01"), (300, "ac02"), (16384, "808001"),
            (Varint.maximum, "ffffffffffffffff7f"),
        ]
        for (value, hex) in vectors {
            var bytes: [UInt8] = []
            Varint.append(value, to: &bytes)
            #expect(Hex.encode(bytes) == hex)
            var rest = bytes[...]
            #expect(try Varint.read(&rest) == value)
            #expect(rest.isEmpty)
        }
        for hex in ["8000", "80", "", "ffffffffffffffffff01", "8180808080808080808000"] {
            var rest = try Hex.decode(hex)[...]
            #expect(throws: FormatError.self) { try Varint.read(&rest) }
        }
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func roundTripsAndSurvivesNoise(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let bytes = generator.bytes(upTo: 70)
            for base in Multibase.allCases {
                let text = base.encode(bytes)
                #expect(try Multibase.decode(text).bytes == bytes, "seed \(seed)")
                var noise = [UInt8](text.utf8)
                if let place = noise.indices.randomElement(using: &generator) {
                    noise[place] = UInt8.random(in: 0x20...0x7e, using: &generator)
                }
                let mutated = String(decoding: noise, as: UTF8.self)
                if let (found, content) = try? Multibase.decode(mutated) {
                    #expect(found.encode(content) == mutated, "seed \(seed), text \(mutated)")
                }
            }
        }
    }
}
