import TOMLKit

/// Text that people write, read as TOML: what every file of this program goes through before the parser sees it.
public enum TOMLText {
    /// Why a text is refused, and where, if that is known (from 1).
    public struct Fault: Error, Sendable, Hashable {
        public let line: Int?
        public let column: Int?
        public let reason: String
    }

    /// Longest text that is read.
    public static let limitBytes = 1 << 20

    /// Parses a document. The answer must outlive the values that are taken from it.
    public static func table(_ text: String) throws(Fault) -> TOMLTable {
        guard text.utf8.count <= limitBytes else {
            throw Fault(line: nil, column: nil, reason: "is over 1 MiB, too large for a configuration")
        }
        // The parser hands text over as C strings: a zero byte would cut a value short without a word.
        if text.utf8.contains(0) || text.contains("\\u0000") || text.contains("\\U00000000") {
            throw Fault(line: nil, column: nil, reason: "holds a zero byte")
        }
        if let place = TableHeaderGuard.firstProblem(text) {
            throw Fault(line: place.line, column: place.column, reason: place.reason)
        }
        do {
            return try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw Fault(
                line: error.source.begin.line, column: error.source.begin.column, reason: error.description)
        } catch {
            throw Fault(line: nil, column: nil, reason: "cannot be parsed: \(error)")
        }
    }
}
