/// Unsigned variable-length integers of multiformats: seven bits a byte, least significant first, at most nine bytes,
/// and only the shortest form.
public enum Varint {
    /// The largest value that nine bytes hold.
    public static let maximum: UInt64 = (1 << 63) - 1

    /// Appends the value. A value above `maximum` takes ten bytes, which no reader accepts; callers encode constants.
    public static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Reads a value at the front, and moves the slice behind it.
    public static func read(_ bytes: inout ArraySlice<UInt8>) throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 {
                guard byte != 0 || shift == 0 else {
                    throw FormatError(.nonCanonical, "a longer form than needed", at: "varint")
                }
                return value
            }
            shift += 7
            guard shift < 63 else { throw FormatError(.tooLong, "more than nine bytes", at: "varint") }
        }
        throw FormatError(.truncated, "ends inside the value", at: "varint")
    }
}
