import PluginKit
import Testing

/// Settings as a plugin in Swift reads them.
@Suite struct SettingsTests {
    private func read(_ text: String) -> [String: String]? {
        var copy = text
        let settings = copy.withUTF8 { try? Settings(UnsafeRawBufferPointer($0)) }
        return settings.map { Dictionary(uniqueKeysWithValues: $0.entries.map { ($0.key, $0.value) }) }
    }

    @Test func aLineIsAnEntry() { #expect(read("a=1\nb=x=y\n") == ["a": "1", "b": "x=y"]) }

    /// "\r\n" is one `Character`: by characters these were one line, and `b` was hidden inside the value of `a`.
    @Test(arguments: ["a=1\r\nb=2\n", "a=1\u{0}\n", "a=\u{1b}[2J\n", "b=1\na=2\n", "a=1\na=2\n", "nonsense\n"])
    func whatIsNotInTheFormIsRefused(text: String) { #expect(read(text) == nil) }
}
