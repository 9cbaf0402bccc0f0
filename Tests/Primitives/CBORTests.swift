import Primitives
import Testing

@Suite struct CBORTests {
    /// RFC 8949, appendix A: those of its examples that are DAG-CBOR.
    @Test func matchesThePublishedExamples() throws {
        let vectors: [(CBORValue, String)] = [
            (0, "00"), (1, "01"), (10, "0a"), (23, "17"), (24, "1818"), (25, "1819"), (100, "1864"), (1000, "1903e8"),
            (1_000_000, "1a000f4240"), (1_000_000_000_000, "1b000000e8d4a51000"),
            (.unsigned(18_446_744_073_709_551_615), "1bffffffffffffffff"),
            (.negative(18_446_744_073_709_551_615), "3bffffffffffffffff"),
            (-1, "20"), (-10, "29"), (-100, "3863"), (-1000, "3903e7"),
            (.float(1.1), "fb3ff199999999999a"), (.float(1.0e+300), "fb7e37e43c8800759c"),
            (.float(-4.1), "fbc010666666666666"), (false, "f4"), (true, "f5"), (.null, "f6"),
            (.bytes([]), "40"), (.bytes([1, 2, 3, 4]), "4401020304"), ("", "60"), ("a", "6161"), ("IETF", "6449455446"),
            ("\"\\", "62225c"), ("\u{fc}", "62c3bc"), ("\u{6c34}", "63e6b0b4"), ("\u{10151}", "64f0908591"),
            ([], "80"), ([1, 2, 3], "83010203"), ([1, [2, 3], [4, 5]], "8301820203820405"),
            ([:], "a0"), (["a": 1, "b": [2, 3]], "a26161016162820203"), (["a", ["b": "c"]], "826161a161626163"),
            (
                ["a": "A", "b": "B", "c": "C", "d": "D", "e": "E"],
                "a56161614161626142616361436164614461656145"
            ),
            (.array((1...25).map { .integer($0) }), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
        ]
        for (value, hex) in vectors {
            #expect(Hex.encode(value.encoded()) == hex)
            #expect(try CBORValue.decode(try Hex.decode(hex)) == value, "\(hex)")
        }
    }

    /// One sample, at least, of everything that DAG-CBOR forbids (IPLD's DAG-CBOR specification, "Strictness").
    @Test func refusesWhatIsNotCanonical() throws {
        let samples: [(String, CBORError.Code)] = [
            ("", .truncated), ("18", .truncated), ("1900", .truncated), ("4401", .truncated), ("6261", .truncated),
            ("82", .truncated), ("8201", .truncated), ("a1", .truncated), ("fb00", .truncated),
            ("9b7fffffffffffffff", .truncated), ("5bffffffffffffffff", .truncated), ("bb8000000000000000", .truncated),
            ("0000", .trailingBytes),
            ("1817", .notShortest), ("190018", .notShortest), ("1a0000ffff", .notShortest),
            ("1b00000000ffffffff", .notShortest), ("3801", .notShortest), ("580100", .notShortest),
            ("780161", .notShortest), ("980101", .notShortest), ("b801616101", .notShortest),
            ("9f01ff", .notDefinite), ("5f4101ff", .notDefinite), ("bf616101ff", .notDefinite), ("1c", .notDefinite),
            ("ff", .notDefinite),
            ("f7", .unsupported), ("f0", .unsupported), ("f818", .unsupported), ("c001", .unsupported),
            ("c249010000000000000000", .unsupported), ("d9d9f700", .unsupported),
            ("f90000", .invalidFloat), ("fa47c35000", .invalidFloat), ("fb7ff8000000000000", .invalidFloat),
            ("fb7ff0000000000000", .invalidFloat), ("fbfff0000000000000", .invalidFloat),
            ("61ff", .invalidUTF8), ("62c080", .invalidUTF8), ("63eda080", .invalidUTF8), ("a161ff01", .invalidUTF8),
            ("a10101", .keyNotText), ("a1410101", .keyNotText),
            ("a2616201616101", .keysOutOfOrder), ("a2616101616101", .keysOutOfOrder),
            ("a262616101616201", .keysOutOfOrder),
            ("d82a4100", .invalidLink), ("d82a40", .invalidLink), ("d82a4101", .invalidLink),
            ("d82a01", .unexpectedType), ("d9002a4100", .notShortest),
        ]
        for (hex, code) in samples {
            let bytes = try Hex.decode(hex)
            #expect(CBORTests.failure(of: bytes, as: CBORValue.self) == code, "\(hex)")
            // Skipping checks as much as reading does.
            let skipped = #expect(throws: CBORError.self, "\(hex)") {
                try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in try decoder.skip() }
            }
            #expect(skipped?.code == code, "\(hex)")
        }
    }

    static func failure<Value: CBORCodable>(of bytes: [UInt8], as type: Value.Type) -> CBORError.Code? {
        do {
            _ = try Value.decode(bytes)
            return nil
        } catch { return error.code }
    }

    @Test func nestingIsLimited() throws {
        func nested(_ levels: Int) -> [UInt8] { [UInt8](repeating: 0x81, count: levels) + [0] }
        #expect(CBORTests.failure(of: nested(16), as: CBORValue.self) == nil)
        #expect(CBORTests.failure(of: nested(17), as: CBORValue.self) == .nestingTooDeep)
        #expect(CBORTests.failure(of: nested(100_000), as: CBORValue.self) == .nestingTooDeep)
        _ = try CBORValue.decode(nested(40), maximumDepth: 40)
    }

    @Test func typedReadersRefuseOtherTypesAndSizes() throws {
        #expect(CBORTests.failure(of: [0x20], as: UInt64.self) == .unexpectedType)
        #expect(CBORTests.failure(of: [0x1a, 0, 1, 0, 0], as: UInt16.self) == .outOfRange)
        #expect(CBORTests.failure(of: try Hex.decode("3b8000000000000000"), as: Int64.self) == .outOfRange)
        #expect(try Int64.decode(try Hex.decode("3b7fffffffffffffff")) == .min)
        #expect(CBORTests.failure(of: [0x41, 0], as: Digest.self) == .wrongCount)
        #expect(CBORTests.failure(of: [0x58, 0x20, 0], as: Digest.self) == .truncated)
        #expect(CBORTests.failure(of: [0xf6], as: Bool.self) == .unexpectedType)
        #expect(CBORTests.failure(of: [0x01], as: String.self) == .unexpectedType)
        #expect(CBORTests.failure(of: [0x81, 0x61, 0x61], as: [UInt64].self) == .unexpectedType)
        let error = #expect(throws: CBORError.self) {
            try CBORDecoder.read([0x82, 1, 2]) { (decoder) throws(CBORError) in try decoder.array(count: 3) }
        }
        #expect(error?.code == .wrongCount)
        #expect(error?.offset == 0)
    }

    @Test func handsOverTheExactBytesOfASubItem() throws {
        let value: CBORValue = [7, ["a": [1, "x"], "b": .bytes([9])], "end"]
        let encoded = value.encoded()
        let (range, copy) = try CBORDecoder.read(encoded) { (decoder) throws(CBORError) in
            try decoder.array(count: 3)
            #expect(try decoder.unsigned() == 7)
            let range = try decoder.sliceOfNext()
            let copy = decoder.bytes(in: range)
            #expect(try decoder.text() == "end")
            return (range, copy)
        }
        #expect([UInt8](encoded[range]) == copy)
        #expect(try CBORValue.decode(copy) == ["a": [1, "x"], "b": .bytes([9])])
    }

    @Test func mapsAreInCanonicalOrderWhateverTheOrderOfTheirMaking() {
        let map: CBORValue = ["bb": 1, "a": 2, "c": 3, "aa": 4]
        #expect(map.map?.keys == ["a", "c", "aa", "bb"])
        #expect(map["bb"] == 1)
        #expect(map["none"] == nil)
        // Equal to Unicode, two keys here: their bytes differ.
        #expect(CBORMap([(key: "\u{e9}", value: 1), (key: "e\u{301}", value: 2)]).count == 2)
    }
}
