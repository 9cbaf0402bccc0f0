/// A table of text with aligned columns.
struct Table {
    enum Alignment {
        case left, right
    }

    private let headers: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ headers: [(String, Alignment)]) { self.headers = headers.map { (title: $0.0, alignment: $0.1) } }

    /// Columns to the left.
    init(_ titles: String...) { headers = titles.map { (title: $0, alignment: .left) } }

    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) {
        rows.append((0..<headers.count).map { $0 < cells.count ? cells[$0] : "" })
    }

    func text(_ style: Style) -> String {
        let widths = headers.indices.map { column in
            max(Self.width(headers[column].title), rows.map { Self.width($0[column]) }.max() ?? 0)
        }
        func line(_ cells: [String]) -> String {
            let padded = cells.indices.map { column in
                let gap = String(repeating: " ", count: max(0, widths[column] - Self.width(cells[column])))
                return headers[column].alignment == .right ? gap + cells[column] : cells[column] + gap
            }
            var text = padded.joined(separator: "  ")
            while text.hasSuffix(" ") { text.removeLast() }
            return text
        }
        return ([style.bold(line(headers.map(\.title)))] + rows.map(line)).joined(separator: "\n")
    }

    /// Printed columns: escape sequences of colours take none.
    static func width(_ text: String) -> Int {
        var count = 0
        var isEscape = false
        for character in text {
            if character == "\u{1b}" { isEscape = true }
            if !isEscape { count += 1 }
            if isEscape, character == "m" { isEscape = false }
        }
        return count
    }
}

/// Names and values, one a line.
struct FactList {
    private var facts: [(String, String)] = []

    mutating func add(_ name: String, _ value: String) { facts.append((name, value)) }

    func text(_ style: Style) -> String {
        let width = facts.map(\.0.count).max() ?? 0
        return facts.map { name, value in
            style.dim(name + String(repeating: " ", count: width - name.count)) + "  " + value
        }.joined(separator: "\n")
    }
}
