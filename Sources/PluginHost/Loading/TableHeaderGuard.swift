/// Refuses what toml++ 3.4 takes for granted that nobody writes, before the parser sees it: a table header without a
/// name, and a list that a brace closes. Either stops the whole process (an assertion; without assertions, undefined
/// behaviour).
///
/// The scan knows strings, comments and nesting. It can lose its place only after text that is wrong TOML, and there
/// the parser stops by itself, since it reads in order and gives up at the first error.
struct TableHeaderGuard {
    private let bytes: [UInt8]
    private var index = 0
    /// What was opened and not closed yet.
    private var open: [UInt8] = []

    /// The first of either, and where it is; nil where there is none.
    static func firstProblem(_ text: String) -> (line: Int, column: Int, reason: String)? {
        var scan = TableHeaderGuard(bytes: Array(text.utf8))
        guard let offset = scan.run() else { return nil }
        let isBrace = scan.byte(offset) == UInt8(ascii: "}") && !scan.open.isEmpty
        let before = scan.bytes[..<offset]
        let line = before.reduce(1) { $0 + ($1 == 0x0a ? 1 : 0) }
        let start = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        let reason = isBrace ? "'}' stands where a list goes on" : "a table's name is missing after '['"
        return (line, offset - start + 1, reason)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        // The parser skips a byte order mark.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
    }

    private func byte(_ offset: Int) -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipBlanks() {
        while let next = byte(index), next == 0x20 || next == 0x09 { index += 1 }
    }

    private mutating func run() -> Int? {
        var isLineStart = true
        while true {
            if isLineStart {
                skipBlanks()
                isLineStart = false
                if open.isEmpty, byte(index) == UInt8(ascii: "[") {
                    if let problem = header() { return problem }
                    continue
                }
            }
            guard let next = byte(index) else { return nil }
            switch next {
            case 0x0a:
                isLineStart = true
                index += 1
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(next)
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                open.append(next)
                index += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if next == UInt8(ascii: "}"), open.last == UInt8(ascii: "[") { return index }
                _ = open.popLast()
                index += 1
            default: index += 1
            }
        }
    }

    /// At `[` of a header: moves to its line's end, or returns where its name is missing.
    private mutating func header() -> Int? {
        index += 1
        skipBlanks()
        if byte(index) == UInt8(ascii: "[") {
            index += 1
            skipBlanks()
        }
        guard let next = byte(index) else { return nil }
        switch next {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f, 0x22, 0x27: break
        default: return index
        }
        while let next = byte(index), next != 0x0a {
            switch next {
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(next)
            default: index += 1
            }
        }
        return nil
    }

    private mutating func skipLine() {
        while let next = byte(index), next != 0x0a { index += 1 }
    }

    /// At a quotation mark: moves behind the string, or to its line's end where a plain string is not closed.
    private mutating func skipString(_ quote: UInt8) {
        let isLong = byte(index + 1) == quote && byte(index + 2) == quote
        index += isLong ? 3 : 1
        while let next = byte(index) {
            if next == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                index += 2
            } else if next == quote, !isLong {
                index += 1
                return
            } else if next == quote, byte(index + 1) == quote, byte(index + 2) == quote {
                index += 3
                // Up to two quotation marks may stand before the closing three.
                while byte(index) == quote { index += 1 }
                return
            } else if next == 0x0a, !isLong {
                return
            } else {
                index += 1
            }
        }
    }
}
