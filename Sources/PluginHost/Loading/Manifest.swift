import Primitives

/// A plugin's manifest, as `Plugins/README.md` defines it.
public struct Manifest: Sendable {
    public let id: String
    public let name: String
    public let kind: PluginKind
    public let version: PluginVersion
    public let summary: String
    public let vendor: String
    public let licence: String
    public let library: String
    /// Of the library; nil in a source tree, where it is not filled in yet.
    public let sha256: Digest?
    /// Of what the plugin does in the checker's scenarios; see `ConformanceDigest`. Nil if the manifest gives none.
    public let conformanceDigest: Digest?
    public let language: Language
    public let abiMajor: UInt32
    public let abiMinor: UInt32
    /// MAJOR.MINOR of the Swift runtime, for plugins in Swift.
    public let swiftRuntime: String?
    public let services: Set<PluginService>
    public let purposes: [String]
    public let isolation: PluginIsolation
    public let requires: [String]
    public let conflicts: [String]
    public let settings: [SettingSchema]
    /// Settings of the job in the checker's scenario, for plugins that take no job without them.
    public let conformance: [String: String]

    /// Whether it is deterministic, and wants nothing of the system (HOST-3).
    public var isSansIO: Bool { kind.isSansIO && !services.contains(.network) }

    public enum Language: String, Sendable {
        case swift, c
    }
}

/// MAJOR.MINOR.PATCH.
public struct PluginVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let major: UInt32
    public let minor: UInt32
    public let patch: UInt32

    /// Nil unless the text is three decimal numbers without leading zeros.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        var numbers: [UInt32] = []
        for part in parts {
            guard let number = UInt32(part), String(number) == part else { return nil }
            numbers.append(number)
        }
        (major, minor, patch) = (numbers[0], numbers[1], numbers[2])
    }

    public var description: String { "\(major).\(minor).\(patch)" }

    public static func < (left: PluginVersion, right: PluginVersion) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
}

/// What a setting may be.
public struct SettingSchema: Sendable {
    public enum Form: Sendable {
        case integer(minimum: Int64, maximum: Int64)
        case boolean
        case text(choices: [String])
        /// The operator names a file; the plugin, which may read none, gets its bytes in hexadecimal.
        case file
    }

    public let key: String
    public let form: Form
    /// Nil: the operator must give one.
    public let defaultValue: String?
    public let summary: String

    /// Of a file that a setting names.
    static let fileByteLimit = 256 << 10

    /// The value in the form that a plugin gets, or an error that names the key.
    func check(_ value: String, plugin: String) throws(PluginError) -> String {
        func fault(_ message: String) -> PluginError {
            PluginError(.setting, plugin: plugin, call: "configure", "\(key) is \(value): \(message)")
        }
        switch form {
        case .integer(let minimum, let maximum):
            guard let number = Int64(value) else { throw fault("not an integer") }
            guard number >= minimum, number <= maximum else { throw fault("not between \(minimum) and \(maximum)") }
            return String(number)
        case .boolean:
            guard value == "true" || value == "false" else { throw fault("not true or false") }
        case .text(let choices):
            guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
                throw fault("a line break or another control character")
            }
            guard choices.isEmpty || choices.contains(value) else { throw fault("not one of \(choices)") }
        case .file:
            guard !value.isEmpty else { return "" }
            guard value.hasPrefix("/") else { throw fault("not an absolute path") }
            return Hex.encode(try Files.bytes(value, limit: Self.fileByteLimit))
        }
        return value
    }
}

extension Manifest {
    /// The settings text for a plugin (base.h): the operator's values, checked, with the defaults filled in.
    public func settingsText(_ values: [String: String]) throws(PluginError) -> String {
        for key in values.keys.sorted() where !settings.contains(where: { $0.key == key }) {
            throw PluginError(.setting, plugin: id, call: "configure", "unknown setting \(key)")
        }
        var text = ""
        for setting in settings.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            guard let value = values[setting.key] ?? setting.defaultValue else {
                throw PluginError(.setting, plugin: id, call: "configure", "\(setting.key) must be given")
            }
            text += "\(setting.key)=\(try setting.check(value, plugin: id))\n"
        }
        return text
    }
}
