/// `task.conf`: lines of `key = value`; `#` starts a comment; unknown and repeated keys are refused.
package struct TaskFile: Sendable {
    private let values: [String: String]
    private let path: String

    package static let keys: Set<String> = [
        "mode", "model", "data", "classes", "input_factor", "input_offset", "clip", "scale_bits", "record_band",
        "learning_rate", "epochs", "seed", "widths", "records",
    ]

    /// - Parameter path: what errors name.
    package init(bytes: [UInt8], path: String) throws(TrainingError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TrainingError(.notUTF8, "is not UTF-8", at: path)
        }
        var values: [String: String] = [:]
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = Self.trimmed(line.prefix { $0 != "#" })
            guard !content.isEmpty else { continue }
            let place = "\(path):\(number + 1)"
            guard let equals = content.firstIndex(of: "=") else {
                throw TrainingError(.malformed, "a line is `key = value`", at: place)
            }
            let key = String(Self.trimmed(content[..<equals]))
            guard Self.keys.contains(key) else { throw TrainingError(.unknownKey, "unknown key \(key)", at: place) }
            guard values[key] == nil else { throw TrainingError(.duplicateKey, "\(key) is given twice", at: place) }
            values[key] = String(Self.trimmed(content[content.index(after: equals)...]))
        }
        self.values = values
        self.path = path
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0.isWhitespace }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }

    package func text(_ key: String, default fallback: String? = nil) throws(TrainingError) -> String {
        guard let value = values[key] ?? fallback else {
            throw TrainingError(.missing, "\(key) is not given", at: path)
        }
        return value
    }

    package func integer(_ key: String, default fallback: Int? = nil) throws(TrainingError) -> Int {
        try number(key, fallback) { Int($0) }
    }

    package func unsigned(_ key: String, default fallback: UInt64? = nil) throws(TrainingError) -> UInt64 {
        try number(key, fallback) { UInt64($0) }
    }

    package func double(_ key: String, default fallback: Double? = nil) throws(TrainingError) -> Double {
        let value = try number(key, fallback) { Double($0) }
        guard value.isFinite else { throw TrainingError(.badParameter, "\(key) is not finite", at: path) }
        return value
    }

    private func number<Value>(
        _ key: String, _ fallback: Value?, _ parse: (String) -> Value?
    ) throws(TrainingError) -> Value {
        guard let text = values[key] else {
            guard let fallback else { throw TrainingError(.missing, "\(key) is not given", at: path) }
            return fallback
        }
        guard let value = parse(text) else {
            throw TrainingError(.malformed, "\(key) = \(text) is no number", at: path)
        }
        return value
    }
}
