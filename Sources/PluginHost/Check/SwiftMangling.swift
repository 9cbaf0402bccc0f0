/// Where the identifiers of a mangled Swift name are, as far as that needs `docs/ABI/Mangling.rst` of the Swift
/// project.
struct SwiftMangling {
    enum Part: Equatable {
        /// A name written out, whole or with words of names before it.
        case identifier(isFirst: Bool)
        case other
    }

    private let bytes: [UInt8]
    private var index = 0

    /// - Parameter name: begins with `$s`.
    init(_ name: String) { bytes = Array(name.utf8.dropFirst(2)) }

    /// What follows, not taken yet; 0 at the end.
    var peek: UInt8 { index < bytes.count ? bytes[index] : 0 }

    /// The next part; nil at the end.
    mutating func next() -> Part? {
        guard index < bytes.count else { return nil }
        let isFirst = index == 0
        switch peek {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            skipIdentifier()
            return .identifier(isFirst: isFirst)
        // `S2b`: a known type, twice. `A2_`, `AaB`: earlier types again.
        case UInt8(ascii: "S"):
            index += 1
            _ = natural()
            index += 1
        case UInt8(ascii: "A"):
            index += 1
            skipSubstitutions()
        default: index += 1
        }
        return .other
    }

    /// `7Element`; `012ArrayLiteralC0` and `05arrayE0`, where single letters stand for words of before, a capital for
    /// the last of a run; `00` leads one in Punycode.
    private mutating func skipIdentifier() {
        var hasWords = false
        if peek == UInt8(ascii: "0") {
            index += 1
            if peek == UInt8(ascii: "0") { index += 1 } else { hasWords = true }
        }
        repeat {
            while hasWords, Self.isLetter(peek) {
                if peek < UInt8(ascii: "a") { hasWords = false }
                index += 1
            }
            if peek == UInt8(ascii: "0") {
                index += 1
                return
            }
            guard let size = natural() else { return }
            index = min(index + size, bytes.count)
        } while hasWords
    }

    private mutating func skipSubstitutions() {
        while index < bytes.count {
            if natural() != nil { continue }
            defer { index += 1 }
            guard peek >= UInt8(ascii: "a"), Self.isLetter(peek) else { return }
        }
    }

    private mutating func natural() -> Int? {
        var value: Int?
        while case let digit = peek, digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9"), (value ?? 0) < 100_000 {
            value = (value ?? 0) * 10 + Int(digit - UInt8(ascii: "0"))
            index += 1
        }
        return value
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
