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
