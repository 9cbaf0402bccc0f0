import CVinculum
import Primitives
import TOMLKit

/// Reads a manifest; refuses unknown keys and everything that is out of form, by name.
struct ManifestReader {
    let file: String

    func fault(_ message: String, code: PluginError.Code = .manifest) -> PluginError {
        PluginError(code, plugin: file, call: "manifest", message)
    }

    func read(_ text: String) throws(PluginError) -> Manifest {
        let table: TOMLTable
        do { table = try TOMLTable(string: text) } catch { throw fault("not TOML: \(error)") }
        try only(
            table, "",
            [
                "manifest", "id", "name", "kind", "version", "summary", "vendor", "licence", "library", "sha256",
                "language", "abi", "swift", "host", "relations", "configuration", "conformance",
            ])
        guard try integer(table, "manifest") == 1 else { throw fault("manifest must be 1") }
        let kindText = try string(table, "kind")
        guard let kind = PluginKind(rawValue: kindText) else { throw fault("unknown kind \(kindText)") }
        guard let version = PluginVersion(try string(table, "version")) else {
            throw fault("version is not MAJOR.MINOR.PATCH")
        }
        guard let language = Manifest.Language(rawValue: try string(table, "language")) else {
            throw fault("language is not swift or c")
        }
        let abi = try subtable(table, "abi", ["major", "minor"])
        let swift = try optionalTable(table, "swift", ["runtime"])
        guard (language == .swift) == (swift != nil) else { throw fault("[swift] is for language = \"swift\" only") }
        var major: UInt32 = 0
        var minor: UInt32 = 0
        if let abi {
            major = try number(abi, "abi.major", "major")
            minor = try number(abi, "abi.minor", "minor")
        }
        var runtime: String?
        if let swift { runtime = try string(swift, "runtime") }
        let host = try optionalTable(table, "host", ["services", "purposes", "isolation"])
        let relations = try optionalTable(table, "relations", ["requires", "conflicts"])
        return Manifest(
            id: try name(table, "id", extra: "."), name: try name(table, "name", extra: ""), kind: kind,
            version: version, summary: try string(table, "summary"), vendor: try string(table, "vendor"),
            licence: try string(table, "licence"), library: try library(table), sha256: try digest(table),
            language: language, abiMajor: major, abiMinor: minor, swiftRuntime: runtime,
            services: try services(host, kind),
            purposes: try strings(host, "purposes"), isolation: try isolation(host, kind),
            requires: try strings(relations, "requires"), conflicts: try strings(relations, "conflicts"),
            settings: try settings(table), conformance: try conformance(table))
    }

    private func services(_ host: TOMLTable?, _ kind: PluginKind) throws(PluginError) -> Set<PluginService> {
        var result: Set<PluginService> = []
        for name in try strings(host, "services") {
            guard let service = PluginService(rawValue: name) else { throw fault("unknown service \(name)") }
            guard kind.services.contains(service) else {
                throw fault("a plugin of kind \(kind.rawValue) may not have the service \(name)", code: .service)
            }
            result.insert(service)
        }
        return result
    }

    private func isolation(_ host: TOMLTable?, _ kind: PluginKind) throws(PluginError) -> PluginIsolation {
        guard let host, host["isolation"] != nil else { return kind.defaultIsolation }
        guard let value = PluginIsolation(rawValue: try string(host, "isolation")) else {
            throw fault("isolation is not none or process")
        }
        return value
    }

    private func conformance(_ table: TOMLTable) throws(PluginError) -> [String: String] {
        guard let settings = try optionalTable(table, "conformance", nil) else { return [:] }
        var result: [String: String] = [:]
        for key in settings.keys { result[key] = try string(settings, key) }
        return result
    }

    private func settings(_ table: TOMLTable) throws(PluginError) -> [SettingSchema] {
        guard let configuration = try optionalTable(table, "configuration", nil) else { return [] }
        var result: [SettingSchema] = []
        for key in configuration.keys.sorted() {
            guard let entry = configuration[key]?.table else { throw fault("configuration.\(key) is not a table") }
            try only(entry, "configuration.\(key).", ["type", "default", "minimum", "maximum", "choices", "summary"])
            result.append(try setting(key, entry))
        }
        return result
    }

    private func setting(_ key: String, _ entry: TOMLTable) throws(PluginError) -> SettingSchema {
        let summary = try string(entry, "summary")
        switch try string(entry, "type") {
        case "integer":
            let schema = SettingSchema(
                key: key,
                form: .integer(
                    minimum: try entry["minimum"] == nil ? .min : integer(entry, "minimum"),
                    maximum: try entry["maximum"] == nil ? .max : integer(entry, "maximum")),
                defaultValue: try entry["default"] == nil ? nil : String(integer(entry, "default")), summary: summary)
            if let value = schema.defaultValue { _ = try schema.check(value, plugin: file) }
            return schema
        case "boolean":
            guard entry["default"] == nil || entry["default"]?.bool != nil else {
                throw fault("configuration.\(key).default is not a boolean")
            }
            return SettingSchema(
                key: key, form: .boolean, defaultValue: entry["default"]?.bool.map { $0 ? "true" : "false" },
                summary: summary)
        case "text":
            let schema = SettingSchema(
                key: key, form: .text(choices: try strings(entry, "choices")),
                defaultValue: try entry["default"] == nil ? nil : string(entry, "default"), summary: summary)
            if let value = schema.defaultValue { _ = try schema.check(value, plugin: file) }
            return schema
        case let other: throw fault("configuration.\(key).type is \(other), not integer, boolean or text")
        }
    }

    // MARK: Values

    private func only(_ table: TOMLTable, _ path: String, _ known: [String]) throws(PluginError) {
        for key in table.keys.sorted() where !known.contains(key) { throw fault("unknown key \(path)\(key)") }
    }

    private func subtable(_ table: TOMLTable, _ key: String, _ known: [String]) throws(PluginError) -> TOMLTable? {
        guard let found = try optionalTable(table, key, known) else { throw fault("[\(key)] is missing") }
        return found
    }

    private func optionalTable(
        _ table: TOMLTable, _ key: String, _ known: [String]?
    ) throws(PluginError) -> TOMLTable? {
        guard let value = table[key] else { return nil }
        guard let found = value.table else { throw fault("\(key) is not a table") }
        if let known { try only(found, "\(key).", known) }
        return found
    }

    private func string(_ table: TOMLTable, _ key: String) throws(PluginError) -> String {
        guard let value = table[key]?.string else { throw fault("\(key) is missing or not text") }
        return value
    }

    private func integer(_ table: TOMLTable, _ key: String) throws(PluginError) -> Int64 {
        guard let value = table[key]?.int else { throw fault("\(key) is missing or not an integer") }
        return Int64(value)
    }

    private func number(_ table: TOMLTable, _ path: String, _ key: String) throws(PluginError) -> UInt32 {
        guard let value = UInt32(exactly: try integer(table, key)) else { throw fault("\(path) is out of range") }
        return value
    }

    private func strings(_ table: TOMLTable?, _ key: String) throws(PluginError) -> [String] {
        guard let value = table?[key] else { return [] }
        guard let array = value.array else { throw fault("\(key) is not an array") }
        var result: [String] = []
        for entry in array {
            guard let text = entry.string else { throw fault("\(key) holds something that is not text") }
            result.append(text)
        }
        return result
    }

    private func name(_ table: TOMLTable, _ key: String, extra: String) throws(PluginError) -> String {
        let text = try string(table, key)
        let allowed = "abcdefghijklmnopqrstuvwxyz0123456789-" + extra
        guard !text.isEmpty, text.utf8.count <= 64, text.allSatisfy({ allowed.contains($0) }), !text.hasPrefix(".")
        else {
            throw fault("\(key) is not made of [a-z0-9-\(extra)], or longer than 64 bytes")
        }
        return text
    }

    private func library(_ table: TOMLTable) throws(PluginError) -> String {
        let text = try string(table, "library")
        guard !text.isEmpty, !text.contains("/"), !text.hasPrefix(".") else {
            throw fault("library must be a file name")
        }
        return text
    }

    private func digest(_ table: TOMLTable) throws(PluginError) -> Digest? {
        let text = try string(table, "sha256")
        if text.isEmpty { return nil }
        do { return try Digest(hex: text) } catch { throw fault("sha256 is not 64 hexadecimal digits") }
    }
}

extension Manifest {
    /// Reads a manifest's text; `file` is for messages.
    public init(text: String, file: String) throws(PluginError) { self = try ManifestReader(file: file).read(text) }

    /// Whether this host can take it, before any code is loaded.
    public func checkHost() throws(PluginError) {
        guard abiMajor == UInt32(VIN_ABI_MAJOR) else {
            throw PluginError(
                .abi, plugin: id, call: "manifest", "built for ABI \(abiMajor), this host has \(VIN_ABI_MAJOR)")
        }
        guard abiMinor <= UInt32(VIN_ABI_MINOR) else {
            throw PluginError(
                .abi, plugin: id, call: "manifest", "needs ABI minor \(abiMinor), this host has \(VIN_ABI_MINOR)")
        }
        if let swiftRuntime, swiftRuntime != SwiftRuntime.version {
            throw PluginError(
                .abi, plugin: id, call: "manifest",
                "built with the Swift runtime \(swiftRuntime), this host has \(SwiftRuntime.version)")
        }
    }
}

/// The Swift runtime that host and plugins share.
public enum SwiftRuntime {
    public static var version: String {
        #if compiler(>=6.4)
        "6.4"
        #elseif compiler(>=6.3)
        "6.3"
        #else
        "6.2"
        #endif
    }
}
