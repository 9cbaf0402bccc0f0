/// Text that says its base in its first character (the multibase draft); the bases that this system writes or reads.
public enum Multibase: Character, CaseIterable, Sendable {
    case base16 = "f"
    case base32 = "b"
    case base58btc = "z"
    case base64url = "u"

    /// The bytes as text in this base, with its prefix.
    public func encode(_ bytes: some Collection<UInt8>) -> String {
        let text =
            switch self {
            case .base16: Hex.encode(bytes)
            case .base32: Base32.encode(bytes)
            case .base58btc: Base58BTC.encode(bytes)
            case .base64url: Base64URL.encode(bytes)
            }
        return String(rawValue) + text
    }

    /// The bytes, and the base that the text is in. Upper-case digits of base 16 are refused here: multibase has
    /// another prefix for them.
    public static func decode(_ text: some StringProtocol) throws(FormatError) -> (base: Multibase, bytes: [UInt8]) {
        guard let first = text.first, let base = Multibase(rawValue: first) else {
            throw FormatError(.wrongPrefix, "none of the prefixes f, b, z and u", at: "multibase")
        }
        let digits = text.dropFirst()
        switch base {
        case .base16:
            guard !digits.utf8.contains(where: { (0x41...0x46).contains($0) }) else {
                throw FormatError(.invalidCharacter, "an upper-case digit under the prefix f", at: "multibase")
            }
            return (base, try Hex.decode(digits))
        case .base32: return (base, try Base32.decode(digits))
        case .base58btc: return (base, try Base58BTC.decode(digits))
        case .base64url: return (base, try Base64URL.decode(digits))
        }
    }
}
