/// Base 16 text (RFC 4648, section 8), lower case; upper case is read too.
public enum Hex {
    private static let digits = [UInt8]("0123456789abcdef".utf8)

    /// Two lower-case digits a byte.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.underestimatedCount)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of an even number of digits; anything else is refused with the place of the fault.
    public static func decode(_ text: some StringProtocol) throws(FormatError) -> [UInt8] {
        let count = text.utf8.count
        guard count % 2 == 0 else {
            throw FormatError(.wrongLength, "an even number of digits is needed, not \(count)", at: "hex")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count / 2)
        var high: UInt8?
        var position = 0
        for character in text.utf8 {
            guard let value = digitValue(character) else {
                throw FormatError(.invalidCharacter, "not a hexadecimal digit", at: "hex, character \(position)")
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
            position += 1
        }
        return bytes
    }

    private static func digitValue(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x61...0x66: character - 0x61 + 10
        case 0x41...0x46: character - 0x41 + 10
        default: nil
        }
    }
}
