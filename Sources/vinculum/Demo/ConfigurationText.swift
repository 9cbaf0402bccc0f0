import Node

/// Writes configuration files from the schema that reads them, so that a key that is misspelt here is refused at
/// once.
enum ConfigurationText {
    /// The keys of `values` in the schema's order, each below what it means.
    static func file(
        _ schema: ConfigurationSchema, heading: String, _ values: [String: ConfigurationValue]
    ) -> String {
        var text = "# \(heading)\n"
        var section = ""
        for key in schema.keys {
            guard let value = values[key.name] else { continue }
            let parts = key.name.split(separator: ".")
            let own = parts.dropLast().joined(separator: ".")
            if own != section {
                section = own
                text += "\n[\(own)]\n"
            }
            text += comment(key.meaning) + "\(parts.last ?? "") = \(value.tomlText)\n"
        }
        return text
    }

    private static func comment(_ sentence: String) -> String {
        var lines = ["#"]
        for word in sentence.split(separator: " ") {
            if lines[lines.count - 1].count + word.count + 1 > 100 { lines.append("#") }
            lines[lines.count - 1] += " \(word)"
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
