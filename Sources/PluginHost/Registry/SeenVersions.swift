import CVinculum

/// The interface that this host speaks.
public enum PluginABI {
    public static let major = UInt32(VIN_ABI_MAJOR)
    public static let minor = UInt32(VIN_ABI_MINOR)
}

/// The highest version seen of each plugin: lines of `id version`. A signed old version with a known fault is not
/// let in again unless the operator names it.
struct SeenVersions {
    let path: String

    private func all() throws(PluginError) -> [String: PluginVersion] {
        guard Files.exists(path) else { return [:] }
        var seen: [String: PluginVersion] = [:]
        for line in try Files.text(path, limit: 1 << 20).split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let version = PluginVersion(parts[1]) else {
                throw PluginError(.system, plugin: path, call: "versions", "the line \(line) is not `id version`")
            }
            seen[String(parts[0])] = version
        }
        return seen
    }

    func check(_ manifest: Manifest, allowOlder: Bool) throws(PluginError) {
        guard !allowOlder, let seen = try all()[manifest.id], manifest.version < seen else { return }
        throw PluginError(
            .downgrade, plugin: manifest.id, call: "version",
            "version \(manifest.version) is older than \(seen), which was enabled here before; name it to allow it")
    }

    func remember(_ manifest: Manifest) throws(PluginError) {
        var seen = try all()
        seen[manifest.id] = max(seen[manifest.id] ?? manifest.version, manifest.version)
        let text = seen.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
        if let slash = path.lastIndex(of: "/") { try Files.makeFolder(String(path[..<slash])) }
        try Files.write(path, Array(text.utf8))
    }
}
