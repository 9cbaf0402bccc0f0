/// The part that base 32 and base 64 share: digits of a fixed number of bits, most significant first, without padding.
struct PowerOfTwoBase: Sendable {
    let name: String
    let bitsPerDigit: Int
    private let digits: [UInt8]
    private let values: [UInt8]

    init(name: String, bitsPerDigit: Int, alphabet: String) {
        self.name = name
        self.bitsPerDigit = bitsPerDigit
        digits = [UInt8](alphabet.utf8)
        var table = [UInt8](repeating: 255, count: 256)
        for (value, character) in digits.enumerated() { table[Int(character)] = UInt8(value) }
        values = table
    }

    func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = (buffer << 8 | UInt32(byte)) & 0xffff
            bits += 8
            while bits >= bitsPerDigit {
                bits -= bitsPerDigit
                text.append(digits[Int(buffer >> UInt32(bits)) & (digits.count - 1)])
            }
        }
        if bits > 0 { text.append(digits[Int(buffer << UInt32(bitsPerDigit - bits)) & (digits.count - 1)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Refuses characters outside the alphabet, superfluous digits and set bits after the last byte: one text a value.
    func decode(_ text: some StringProtocol) throws(FormatError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        var position = 0
        for character in text.utf8 {
            let value = values[Int(character)]
            guard value != 255 else {
                throw FormatError(.invalidCharacter, "not in the alphabet", at: "\(name), character \(position)")
            }
            buffer = (buffer << UInt32(bitsPerDigit) | UInt32(value)) & 0xffff
            bits += bitsPerDigit
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
            position += 1
        }
        guard bits < bitsPerDigit else {
            throw FormatError(.wrongLength, "a digit more than the bytes need", at: "\(name), character \(position)")
        }
        guard buffer & (1 << UInt32(bits) - 1) == 0 else {
            throw FormatError(.nonCanonical, "bits are set after the last byte", at: "\(name), character \(position)")
        }
        return bytes
    }
}

/// Base 32 text in lower case without padding (RFC 4648, section 6; multibase prefix `b`).
public enum Base32 {
    private static let base = PowerOfTwoBase(
        name: "base32", bitsPerDigit: 5, alphabet: "abcdefghijklmnopqrstuvwxyz234567")

    public static func encode(_ bytes: some Sequence<UInt8>) -> String { base.encode(bytes) }

    public static func decode(_ text: some StringProtocol) throws(FormatError) -> [UInt8] { try base.decode(text) }
}

/// Base 64 text with the alphabet for addresses and without padding (RFC 4648, section 5; multibase prefix `u`).
public enum Base64URL {
    private static let base = PowerOfTwoBase(
        name: "base64url", bitsPerDigit: 6,
        alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    public static func encode(_ bytes: some Sequence<UInt8>) -> String { base.encode(bytes) }

    public static func decode(_ text: some StringProtocol) throws(FormatError) -> [UInt8] { try base.decode(text) }
}
