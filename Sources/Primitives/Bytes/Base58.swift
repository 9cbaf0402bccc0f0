/// Base 58 text with Bitcoin's alphabet (draft-msporny-base58; multibase prefix `z`).
///
/// The conversion takes time quadratic in the length, so both directions are for keys and identifiers, and decoding
/// refuses more than 1,024 characters.
public enum Base58BTC {
    /// The longest text that is read.
    public static let maximumTextLength = 1024

    private static let digits = [UInt8]("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, character) in digits.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()

    /// A leading zero byte becomes a leading `1`; the rest is the number in base 58.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        let zeros = bytes.prefix { $0 == 0 }.count
        var number: [UInt8] = []  // least significant digit first
        for byte in bytes.dropFirst(zeros) {
            var carry = UInt32(byte)
            for index in number.indices {
                carry += UInt32(number[index]) << 8
                number[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                number.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        var text = [UInt8](repeating: digits[0], count: zeros)
        for digit in number.reversed() { text.append(digits[Int(digit)]) }
        return String(decoding: text, as: UTF8.self)
    }

    public static func decode(_ text: some StringProtocol) throws(FormatError) -> [UInt8] {
        guard text.utf8.count <= maximumTextLength else {
            throw FormatError(.tooLong, "more than \(maximumTextLength) characters", at: "base58btc")
        }
        var zeros = 0
        var number: [UInt8] = []  // least significant byte first
        var position = 0
        for character in text.utf8 {
            let value = values[Int(character)]
            guard value != 255 else {
                throw FormatError(.invalidCharacter, "not in the alphabet", at: "base58btc, character \(position)")
            }
            if value == 0 && zeros == position { zeros += 1 }
            var carry = UInt32(value)
            for index in number.indices {
                carry += UInt32(number[index]) * 58
                number[index] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            while carry > 0 {
                number.append(UInt8(truncatingIfNeeded: carry))
                carry >>= 8
            }
            position += 1
        }
        return [UInt8](repeating: 0, count: zeros) + number.reversed()
    }
}
