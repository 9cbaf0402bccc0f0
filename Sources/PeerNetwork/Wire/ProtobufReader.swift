import Primitives

/// Reads the fields of one protobuf message (the encoding page of Protocol Buffers), without copying what it points at.
///
/// Every message of libp2p is a handful of fields; whoever decodes one bounds how often a field may come, before memory
/// is taken for it. Groups, which proto3 dropped, are refused. One owner at a time.
public struct ProtobufReader {
    public enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes(ArraySlice<UInt8>)
        case fixed32(UInt32)
    }

    /// A field as it stands on the wire.
    public struct Field {
        public let number: UInt64
        public let value: Value

        /// The value of a field that the schema calls an integer, an enumeration or a boolean.
        public func varint() throws(FormatError) -> UInt64 {
            guard case .varint(let value) = value else { throw mismatch }
            return value
        }

        /// The value of a field that the schema calls bytes or a message.
        public func bytes() throws(FormatError) -> ArraySlice<UInt8> {
            guard case .bytes(let value) = value else { throw mismatch }
            return value
        }

        /// Bytes of a stated length at most.
        public func bytes(atMost limit: Int) throws(FormatError) -> [UInt8] {
            let value = try bytes()
            guard value.count <= limit else {
                throw FormatError(.tooLong, "\(value.count) bytes, of \(limit) at most", at: "protobuf field \(number)")
            }
            return Array(value)
        }

        /// Text of a stated length at most, in UTF-8.
        public func text(atMost limit: Int) throws(FormatError) -> String {
            guard let text = String(validating: try bytes(atMost: limit), as: UTF8.self) else {
                throw FormatError(.invalidCharacter, "not UTF-8", at: "protobuf field \(number)")
            }
            return text
        }

        private var mismatch: FormatError {
            FormatError(.unsupported, "another wire type than the schema's", at: "protobuf field \(number)")
        }
    }

    private var rest: ArraySlice<UInt8>

    public init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// The next field, or nil at the end of the message.
    public mutating func next() throws(FormatError) -> Field? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29 else {
            throw FormatError(.outOfRange, "field number \(number)", at: "protobuf")
        }
        switch tag & 7 {
        case 0: return Field(number: number, value: .varint(try varint()))
        case 1: return Field(number: number, value: .fixed64(try fixed(8)))
        case 2:
            let count = try varint()
            guard count <= UInt64(rest.count) else {
                throw FormatError(
                    .truncated, "\(count) bytes announced, \(rest.count) there", at: "protobuf field \(number)")
            }
            let bytes = rest.prefix(Int(count))
            rest = rest.dropFirst(Int(count))
            return Field(number: number, value: .bytes(bytes))
        case 5: return Field(number: number, value: .fixed32(UInt32(try fixed(4))))
        default: throw FormatError(.unsupported, "wire type \(tag & 7)", at: "protobuf field \(number)")
        }
    }

    /// Ten bytes at most; the tenth holds one bit. Longer forms than needed are allowed, as every peer allows them.
    private mutating func varint() throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard let byte = rest.popFirst() else { throw FormatError(.truncated, "ends in a number", at: "protobuf") }
            guard index < 9 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        throw FormatError(.tooLong, "a number of more than 64 bits", at: "protobuf")
    }

    private mutating func fixed(_ count: Int) throws(FormatError) -> UInt64 {
        guard rest.count >= count else { throw FormatError(.truncated, "ends in a number", at: "protobuf") }
        var value: UInt64 = 0
        for (index, byte) in rest.prefix(count).enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
        rest = rest.dropFirst(count)
        return value
    }
}
