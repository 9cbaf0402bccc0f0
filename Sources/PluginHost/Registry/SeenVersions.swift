import CVinculum
import Primitives

/// The interface that this host speaks.
public enum PluginABI {
    public static let major = UInt32(VIN_ABI_MAJOR)
    public static let minor = UInt32(VIN_ABI_MINOR)
}

/// What the operator has enabled last of each plugin: lines of `id version signer`.
///
/// A signed old version with a known fault is not let in again, and an id that one signer has made known does not
/// become another's, unless the operator says so. The signer is `project`, a public key in hexadecimal digits, or `-`
/// where nobody had signed.
struct SeenVersions {
    let path: String

    private struct Entry {
        let version: PluginVersion
        let signer: String
    }

    private static let unsigned = "-"

    private func all() throws(PluginError) -> [String: Entry] {
        guard Files.exists(path) else { return [:] }
        var seen: [String: Entry] = [:]
        for line in try Files.text(path, limit: 1 << 20).split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: " ")
            guard parts.count == 2 || parts.count == 3, let version = PluginVersion(parts[1]) else {
                throw PluginError(
                    .system, plugin: path, call: "versions", "the line \(line) is not `id version signer`")
            }
            seen[String(parts[0])] = Entry(
                version: version, signer: parts.count == 3 ? String(parts[2]) : Self.unsigned)
        }
        return seen
    }

    private static func name(_ signer: PluginSigner) -> String {
        switch signer {
        case .project: "project"
        // The key itself: whoever makes a key chooses its id.
        case .other(let key): key.key.hex
        case .nobody: unsigned
        }
    }

    func check(_ manifest: Manifest, _ signer: PluginSigner, _ consent: PluginConsent) throws(PluginError) {
        guard let seen = try all()[manifest.id] else { return }
        if !consent.contains(.olderVersion), manifest.version < seen.version {
            throw PluginError(
                .downgrade, plugin: manifest.id, call: "version",
                "version \(manifest.version) is older than \(seen.version), which was enabled here before; name it to "
                    + "allow it")
        }
        // Unsigned code runs by the digest that the operator has named: a word for this very library.
        let name = Self.name(signer)
        if !consent.contains(.otherSigner), seen.signer != Self.unsigned, name != Self.unsigned, name != seen.signer {
            throw PluginError(
                .signature, plugin: manifest.id, call: "signature",
                "another key has signed it than the version that was enabled here before",
                hint: "if its vendor has a new key, --allow-other-signer accepts it")
        }
    }

    /// Makes this the version that later ones are measured by: also an older one that was asked for, which no node
    /// could load otherwise.
    func remember(_ manifest: Manifest, _ signer: PluginSigner) throws(PluginError) {
        var seen = try all()
        let name = Self.name(signer)
        let known = seen[manifest.id]?.signer ?? Self.unsigned
        seen[manifest.id] = Entry(version: manifest.version, signer: name == Self.unsigned ? known : name)
        let text = seen.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.version) \($0.value.signer)\n" }.joined()
        if let slash = path.lastIndex(of: "/") { try Files.makeFolder(String(path[..<slash])) }
        try Files.write(path, Array(text.utf8))
    }
}

/// What an operator accepts by name for one plugin.
public struct PluginConsent: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// A version below the one that was enabled before.
    public static let olderVersion = PluginConsent(rawValue: 1)
    /// A signature by another key than before.
    public static let otherSigner = PluginConsent(rawValue: 2)
    /// A library whose symbols the lint refuses: the operator has looked at what it wants.
    public static let foreignSymbols = PluginConsent(rawValue: 4)
}
