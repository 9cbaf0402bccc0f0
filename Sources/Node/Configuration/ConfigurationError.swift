/// Everything that is wrong with one configuration, found in one pass.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One thing that is wrong.
    public struct Problem: Sendable, Hashable {
        /// Full dotted name; nil for a syntax error.
        public var key: String?
        /// Where the value came from, when that is not the file: a flag or an environment variable.
        public var origin: String?
        public var line: Int?
        public var column: Int?
        /// What is wrong and what is allowed.
        public var reason: String
        /// What to do.
        public var hint: String?

        public init(
            key: String? = nil, origin: String? = nil, line: Int? = nil, column: Int? = nil, reason: String,
            hint: String? = nil
        ) {
            self.key = key
            self.origin = origin
            self.line = line
            self.column = column
            self.reason = reason
            self.hint = hint
        }
    }

    public var file: String
    public var problems: [Problem]

    public init(file: String, problems: [Problem]) {
        self.file = file
        self.problems = problems
    }

    public var description: String {
        problems.map { problem in
            var place = problem.origin ?? file
            if problem.origin == nil, let line = problem.line {
                place += ":\(line)"
                if let column = problem.column { place += ":\(column)" }
            }
            let subject = problem.key.map { "\($0) " } ?? ""
            let hint = problem.hint.map { " (\($0))" } ?? ""
            return "\(place): \(subject)\(problem.reason)\(hint)"
        }.joined(separator: "\n")
    }
}

/// How many single-character edits (with swaps of neighbours) turn one word into another: Damerau's distance in its
/// restricted form.
func editDistance(_ left: String, _ right: String) -> Int {
    let a = Array(left.utf8)
    let b = Array(right.utf8)
    var rows = [[Int](0...b.count)]
    for i in 1..<(a.count + 1) {
        var row = [i] + [Int](repeating: 0, count: b.count)
        for j in 1..<(b.count + 1) {
            row[j] = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], rows[i - 2][j - 2] + 1) }
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}

/// The known word that was probably meant; nil when none is near. Names longer than 128 bytes get no guess, so that a
/// hostile file cannot make the comparison expensive.
func nearest(to word: String, among known: [String]) -> String? {
    guard !word.isEmpty, word.utf8.count <= 128 else { return nil }
    let last = word.split(separator: ".").last.map(String.init) ?? word
    let ranked = known.filter { !$0.isEmpty }.map { candidate -> (name: String, distance: Int) in
        let tail = candidate.split(separator: ".").last.map(String.init) ?? candidate
        // The right key in the wrong section is a near miss too.
        return (candidate, tail == last ? 1 : editDistance(word, candidate))
    }
    guard let best = ranked.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }) else { return nil }
    return best.distance <= max(2, word.utf8.count / 4) ? best.name : nil
}
