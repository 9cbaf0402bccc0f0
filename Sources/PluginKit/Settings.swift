/// Settings as `base.h` writes them: `key=value` lines, sorted by key. A plugin takes the keys that it knows and then
/// calls `refuseOthers`, so that a misspelt key is named (BASE-12).
public struct Settings: Sendable, Hashable {
    /// Sorted by key.
    public private(set) var entries: [(key: String, value: String)]
    private var taken: [String] = []

    /// Refuses text that is not in the form of `base.h`.
    public init(_ bytes: UnsafeRawBufferPointer) throws(PluginFailure) {
        var entries: [(key: String, value: String)] = []
        // By bytes: to a `Character`, "\r\n" is another line end than "\n".
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else {
                throw PluginFailure(.invalid, "a line of the settings has no '='")
            }
            guard let key = String(validating: line[..<equals], as: UTF8.self),
                let value = String(validating: line[line.index(after: equals)...], as: UTF8.self)
            else { throw PluginFailure(.invalid, "settings are not UTF-8") }
            guard !line.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
                throw PluginFailure(.invalid, "a control character in the settings")
            }
            if let last = entries.last, !(last.key.utf8.lexicographicallyPrecedes(key.utf8)) {
                throw PluginFailure(.invalid, "settings are not sorted at \(key)")
            }
            entries.append((key, value))
        }
        self.entries = entries
    }

    public init() { entries = [] }

    /// The text of a key, or nil if it is not given.
    public mutating func text(_ key: String) -> String? {
        taken.append(key)
        return entries.first { $0.key == key }?.value
    }

    /// An integer within `range`; nil if the key is not given.
    public mutating func integer(_ key: String, in range: ClosedRange<Int64>) throws(PluginFailure) -> Int64? {
        guard let text = text(key) else { return nil }
        guard let value = Int64(text), range.contains(value) else {
            throw PluginFailure(
                .invalid, "\(key) is \(text), not an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A boolean; nil if the key is not given.
    public mutating func boolean(_ key: String) throws(PluginFailure) -> Bool? {
        switch text(key) {
        case nil: return nil
        case "true": return true
        case "false": return false
        case .some(let other): throw PluginFailure(.invalid, "\(key) is \(other), not true or false")
        }
    }

    /// Refuses the first key that nobody has asked for.
    public func refuseOthers() throws(PluginFailure) {
        for entry in entries where !taken.contains(entry.key) {
            throw PluginFailure(.invalid, "unknown setting \(entry.key)")
        }
    }

    public static func == (left: Settings, right: Settings) -> Bool {
        left.entries.elementsEqual(right.entries) { $0.key == $1.key && $0.value == $1.value }
    }

    public func hash(into hasher: inout Hasher) {
        for entry in entries {
            hasher.combine(entry.key)
            hasher.combine(entry.value)
        }
    }
}
