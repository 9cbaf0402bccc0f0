/// Finds the line of a key in the text, since the parser gives positions only for syntax errors. It knows table headers
/// and plain keys, which is how these files are written; for anything else it answers nil.
public struct KeyLocator: Sendable {
    private var lines: [String: Int] = [:]

    public init(_ text: String) {
        var section = ""
        // By bytes: "\r\n" is one `Character`, and another than "\n".
        let rows = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in rows.enumerated() {
            let bare = Substring(line).drop { $0 == " " || $0 == "\t" }
            if bare.hasPrefix("["), let end = bare.firstIndex(of: "]") {
                section = bare[bare.index(after: bare.startIndex)..<end].filter { $0 != " " && $0 != "[" }
                if lines[section] == nil { lines[section] = index + 1 }
            } else if let equals = bare.firstIndex(of: "="), !bare.hasPrefix("#") {
                let key = bare[..<equals].filter { $0 != " " && $0 != "\"" && $0 != "\t" }
                let name = section.isEmpty ? key : "\(section).\(key)"
                if lines[name] == nil { lines[name] = index + 1 }
            }
        }
    }

    /// The first line that names the key, counted from 1.
    public func line(of name: String) -> Int? { lines[name] }
}
