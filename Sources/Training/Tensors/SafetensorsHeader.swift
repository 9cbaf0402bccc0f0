/// The JSON header of a safetensors file, checked in full before any tensor is touched.
struct SafetensorsHeader {
    struct Entry {
        let name: String
        let type: ElementType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    /// In order of their bytes in the file.
    let entries: [Entry]
    let metadata: [String: String]

    /// `bytes` is the JSON text; `dataByteCount` is what follows it in the file.
    static func parse(_ bytes: [UInt8], dataByteCount: Int, place: String) throws(TrainingError) -> SafetensorsHeader {
        var text = HeaderText(bytes: bytes, place: place)
        guard bytes.first == UInt8(ascii: "{") else { throw text.malformed("a header starts with {") }
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        var names: Set<String> = []
        try text.object { (text, key) throws(TrainingError) in
            guard names.insert(key).inserted else {
                throw TrainingError(.duplicateKey, "the header names \(key) twice", at: place)
            }
            if key == "__metadata__" {
                try text.object { (text, key) throws(TrainingError) in
                    guard metadata.updateValue(try text.string(), forKey: key) == nil else {
                        throw TrainingError(.duplicateKey, "the metadata name \(key) twice", at: place)
                    }
                }
            } else {
                entries.append(try entry(named: key, &text))
            }
        }
        try text.end()
        entries.sort { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
        try checkTiling(entries, dataByteCount: dataByteCount, place: place)
        return SafetensorsHeader(entries: entries, metadata: metadata)
    }

    private static func entry(named name: String, _ text: inout HeaderText) throws(TrainingError) -> Entry {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        let place = "\(text.place): \(name)"
        try text.object { (text, key) throws(TrainingError) in
            let isFirst: Bool
            switch key {
            case "dtype":
                isFirst = typeName == nil
                typeName = try text.string()
            case "shape":
                isFirst = shape == nil
                shape = try text.integers()
            case "data_offsets":
                isFirst = offsets == nil
                offsets = try text.integers()
            default: throw TrainingError(.unknownKey, "\(key) is no property of a tensor", at: place)
            }
            guard isFirst else { throw TrainingError(.duplicateKey, "\(key) is given twice", at: place) }
        }
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw TrainingError(.missing, "a tensor has dtype, shape and two data_offsets", at: place)
        }
        guard let type = ElementType(rawValue: typeName) else {
            throw TrainingError(.unsupportedType, "number format \(typeName) is not read here", at: place)
        }
        let (byteCount, overflow) = try Tensor.elementCount(of: shape).multipliedReportingOverflow(by: type.byteCount)
        guard !overflow, offsets[1] >= offsets[0], offsets[1] - offsets[0] == byteCount else {
            throw TrainingError(.sizeMismatch, "offsets \(offsets) do not fit \(typeName) \(shape)", at: place)
        }
        return Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    }

    private static func checkTiling(_ entries: [Entry], dataByteCount: Int, place: String) throws(TrainingError) {
        var position = 0
        for entry in entries {
            guard entry.begin >= position else {
                throw TrainingError(.overlap, "shares bytes with the tensor before it", at: "\(place): \(entry.name)")
            }
            guard entry.begin == position else {
                throw TrainingError(.hole, "bytes \(position)..<\(entry.begin) belong to no tensor", at: place)
            }
            position = entry.end
        }
        guard position <= dataByteCount else {
            throw TrainingError(.truncated, "\(dataByteCount) bytes of data, the header names \(position)", at: place)
        }
        guard position == dataByteCount else {
            throw TrainingError(.trailingBytes, "\(dataByteCount - position) bytes after the last tensor", at: place)
        }
    }
}

/// The part of JSON that such headers use: objects, strings, arrays of unsigned integers. Anything else is refused.
struct HeaderText {
    let bytes: [UInt8]
    let place: String
    private var position = 0

    init(bytes: [UInt8], place: String) {
        self.bytes = bytes
        self.place = place
    }

    func malformed(_ reason: String) -> TrainingError {
        TrainingError(.malformed, "\(reason) (byte \(position) of the header)", at: place)
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(TrainingError) {
        guard take(character) else { throw malformed("expected \(character)") }
    }

    mutating func end() throws(TrainingError) {
        skipSpace()
        guard position == bytes.count else { throw malformed("text after the header's object") }
    }

    mutating func object(
        _ member: (inout HeaderText, String) throws(TrainingError) -> Void
    ) throws(TrainingError) {
        try expect("{")
        if take("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    mutating func integers() throws(TrainingError) -> [Int] {
        try expect("[")
        if take("]") { return [] }
        var values: [Int] = []
        repeat { values.append(try integer()) } while take(",")
        try expect("]")
        return values
    }

    private mutating func integer() throws(TrainingError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflow, !carry else { throw malformed("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start, position == start + 1 || bytes[start] != 0x30 else {
            throw malformed("expected an unsigned integer")
        }
        return value
    }

    mutating func string() throws(TrainingError) -> String {
        try expect("\"")
        var units: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else {
                    throw TrainingError(.notUTF8, "a name is not UTF-8 (byte \(position) of the header)", at: place)
                }
                return text
            case UInt8(ascii: "\\"): units += try escape()
            case 0..<0x20: throw malformed("a control character in a string")
            default: units.append(byte)
            }
        }
        throw malformed("a string does not end")
    }

    private mutating func escape() throws(TrainingError) -> [UInt8] {
        guard position < bytes.count else { throw malformed("a string does not end") }
        let kind = bytes[position]
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [kind]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"):
            var code = try hexUnit()
            if (0xd800..<0xdc00).contains(code) {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw malformed("half of a surrogate pair") }
                position += 2
                let low = try hexUnit()
                guard (0xdc00..<0xe000).contains(low) else { throw malformed("half of a surrogate pair") }
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("half of a surrogate pair") }
            return Array(String(Character(scalar)).utf8)
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func hexUnit() throws(TrainingError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let digits = String(validating: bytes[position..<position + 4], as: UTF8.self),
            digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let value = UInt32(digits, radix: 16)
        else { throw malformed("expected four hexadecimal digits") }
        position += 4
        return value
    }
}
