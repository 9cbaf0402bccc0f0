/// Writes the fields of a protobuf message in the order of the calls: whoever signs one calls in ascending numbers.
public struct ProtobufWriter {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// An integer, an enumeration or a boolean.
    public mutating func varint(_ number: UInt64, _ value: UInt64) {
        append(number << 3)
        append(value)
    }

    /// Bytes, a text's UTF-8, or a message that is encoded already.
    public mutating func bytes(_ number: UInt64, _ value: some Collection<UInt8>) {
        append(number << 3 | 2)
        append(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    public mutating func text(_ number: UInt64, _ value: String) { bytes(number, value.utf8) }

    /// A message whose fields the closure writes.
    public mutating func message(_ number: UInt64, _ fields: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        fields(&inner)
        bytes(number, inner.bytes)
    }

    private mutating func append(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
