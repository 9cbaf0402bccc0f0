import CVinculum
import Primitives
import TOMLKit

/// Reads a manifest; refuses unknown keys and everything that is out of form, by name.
struct ManifestReader {
    let file: String
    private let text: String
    private let locator: KeyLocator

    init(file: String, text: String) {
        self.file = file
        self.text = text
        locator = KeyLocator(text)
    }

    func fault(
        _ message: String, _ key: String? = nil, code: PluginError.Code = .manifest, hint: String? = nil
    ) -> PluginError {
        let place = PluginError.Place(file: file, line: key.flatMap { locator.line(of: $0) }, key: key)
        return PluginError(code, plugin: file, call: "manifest", message, place: place, hint: hint)
    }

    func read() throws(PluginError) -> Manifest {
        let table: TOMLTable
        do throws(TOMLText.Fault) { table = try TOMLText.table(text) } catch {
            throw PluginError(
                .manifest, plugin: file, call: "manifest", "not TOML: \(error.reason)",
                place: .init(file: file, line: error.line, column: error.column))
        }
        // Values that are taken from the table point into it.
        defer { withExtendedLifetime(table) {} }
        try only(
            table, "",
            [
                "manifest", "id", "name", "kind", "version", "summary", "vendor", "licence", "library", "sha256",
                "conformance_digest", "language", "abi", "swift", "host", "relations", "configuration", "conformance",
            ])
        guard try integer(table, "manifest") == 1 else { throw fault("manifest must be 1", "manifest") }
        let kindText = try string(table, "kind")
        guard let kind = PluginKind(rawValue: kindText) else { throw fault("unknown kind \(kindText)", "kind") }
        guard let version = PluginVersion(try string(table, "version")) else {
            throw fault("version is not MAJOR.MINOR.PATCH", "version")
        }
        guard let language = Manifest.Language(rawValue: try string(table, "language")) else {
            throw fault("language is not swift or c", "language")
        }
        let abi = try subtable(table, "abi", ["major", "minor"])
        let swift = try optionalTable(table, "swift", ["runtime"])
        guard (language == .swift) == (swift != nil) else {
            throw fault("[swift] is for language = \"swift\", and only for it", "language")
        }
        var major: UInt32 = 0
        var minor: UInt32 = 0
        if let abi {
            major = try number(abi, "major", in: "abi.")
            minor = try number(abi, "minor", in: "abi.")
        }
        var runtime: String?
        if let swift { runtime = try string(swift, "runtime", in: "swift.") }
        let host = try optionalTable(table, "host", ["services", "purposes", "isolation"])
        let services = try services(host, kind)
        // What an engine with a network does depends on more than its seeds, as with the kinds that do I/O.
        let isSansIO = kind.isSansIO && !services.contains(.network)
        let relations = try optionalTable(table, "relations", ["requires", "conflicts"])
        return Manifest(
            id: try name(table, "id", extra: "."), name: try name(table, "name", extra: ""), kind: kind,
            version: version, summary: try string(table, "summary"), vendor: try string(table, "vendor"),
            licence: try string(table, "licence"), library: try library(table), sha256: try digest(table, "sha256"),
            conformanceDigest: try conformanceDigest(table, isSansIO),
            language: language, abiMajor: major, abiMinor: minor, swiftRuntime: runtime,
            services: services,
            purposes: try strings(host, "purposes", in: "host."), isolation: try isolation(host, isSansIO),
            requires: try strings(relations, "requires", in: "relations."),
            conflicts: try strings(relations, "conflicts", in: "relations."),
            settings: try settings(table), conformance: try conformance(table))
    }

    private func services(_ host: TOMLTable?, _ kind: PluginKind) throws(PluginError) -> Set<PluginService> {
        var result: Set<PluginService> = []
        for name in try strings(host, "services", in: "host.") {
            guard let service = PluginService(rawValue: name) else {
                let near = Spelling.nearest(to: name, among: PluginService.allCases.map(\.rawValue))
                throw fault("unknown service \(name)", "host.services", hint: near.map { "did you mean \($0)?" })
            }
            guard !service.isReserved else {
                throw fault(
                    "the service \(name) is reserved: no host of this version lends it (HOST-4)", "host.services",
                    code: .service, hint: "take \(name) out of host.services")
            }
            guard kind.services.contains(service) else {
                let allowed = kind.services.map(\.rawValue).sorted().joined(separator: ", ")
                throw fault(
                    "a plugin of kind \(kind.rawValue) may not have the service \(name)", "host.services",
                    code: .service, hint: "this kind may have \(allowed)")
            }
            result.insert(service)
        }
        return result
    }

    private func isolation(_ host: TOMLTable?, _ isSansIO: Bool) throws(PluginError) -> PluginIsolation {
        guard let host, host["isolation"] != nil else { return isSansIO ? .none : .process }
        guard let value = PluginIsolation(rawValue: try string(host, "isolation", in: "host.")) else {
            throw fault("isolation is not none or process", "host.isolation")
        }
        return value
    }

    private func conformance(_ table: TOMLTable) throws(PluginError) -> [String: String] {
        guard let settings = try optionalTable(table, "conformance", nil) else { return [:] }
        var result: [String: String] = [:]
        for key in settings.keys { result[key] = try string(settings, key, in: "conformance.") }
        return result
    }

    /// What a kind does that does I/O depends on more than its seeds: there is nothing to promise.
    private func conformanceDigest(_ table: TOMLTable, _ isSansIO: Bool) throws(PluginError) -> Digest? {
        guard table["conformance_digest"] != nil else { return nil }
        let value = try digest(table, "conformance_digest")
        guard value == nil || isSansIO else {
            throw fault("conformance_digest is for sans-IO plugins", "conformance_digest")
        }
        return value
    }

    private func settings(_ table: TOMLTable) throws(PluginError) -> [SettingSchema] {
        guard let configuration = try optionalTable(table, "configuration", nil) else { return [] }
        var result: [SettingSchema] = []
        for key in configuration.keys.sorted() {
            guard Manifest.isName(key, extra: "_.") else {
                throw fault("a setting's name is made of [a-z0-9_.-], not \(key.debugDescription)", "configuration")
            }
            guard let entry = configuration[key]?.table else {
                throw fault("configuration.\(key) is not a table", "configuration.\(key)")
            }
            try only(entry, "configuration.\(key).", ["type", "default", "minimum", "maximum", "choices", "summary"])
            result.append(try setting(key, entry))
        }
        return result
    }

    private func setting(_ key: String, _ entry: TOMLTable) throws(PluginError) -> SettingSchema {
        let path = "configuration.\(key)."
        let summary = try string(entry, "summary", in: path)
        func bound(_ name: String, _ usual: Int64) throws(PluginError) -> Int64 {
            try entry[name] == nil ? usual : integer(entry, name, in: path)
        }
        let schema: SettingSchema
        switch try string(entry, "type", in: path) {
        case "integer":
            let range = (least: try bound("minimum", .min), most: try bound("maximum", .max))
            guard range.least <= range.most else {
                throw fault("\(path)minimum is above the maximum", "\(path)minimum")
            }
            schema = SettingSchema(
                key: key, form: .integer(minimum: range.least, maximum: range.most),
                defaultValue: try entry["default"] == nil ? nil : String(integer(entry, "default", in: path)),
                summary: summary)
        case "boolean":
            guard entry["default"] == nil || entry["default"]?.bool != nil else {
                throw fault("\(path)default is not a boolean", "\(path)default")
            }
            schema = SettingSchema(
                key: key, form: .boolean, defaultValue: entry["default"]?.bool.map { $0 ? "true" : "false" },
                summary: summary)
        case "text":
            schema = SettingSchema(
                key: key, form: .text(choices: try strings(entry, "choices", in: path)),
                defaultValue: try entry["default"] == nil ? nil : string(entry, "default", in: path), summary: summary)
        case "file":
            if entry["default"] != nil, try !string(entry, "default", in: path).isEmpty {
                throw fault("the default of a file is none: \"\"", "\(path)default")
            }
            schema = SettingSchema(
                key: key, form: .file, defaultValue: entry["default"] == nil ? nil : "", summary: summary)
        case let other: throw fault("\(path)type is \(other), not integer, boolean, text or file", "\(path)type")
        }
        if let value = schema.defaultValue {
            do throws(PluginError) { _ = try schema.check(value, plugin: file) } catch {
                throw fault("\(path)default: \(error.message)", "\(path)default", code: .setting)
            }
        }
        return schema
    }

    // MARK: Values

    private func only(_ table: TOMLTable, _ path: String, _ known: [String]) throws(PluginError) {
        for key in table.keys.sorted() where !known.contains(key) {
            let near = Spelling.nearest(to: key, among: known)
            throw fault("unknown key \(path)\(key)", path + key, hint: near.map { "did you mean \(path)\($0)?" })
        }
    }

    private func subtable(_ table: TOMLTable, _ key: String, _ known: [String]) throws(PluginError) -> TOMLTable? {
        guard let found = try optionalTable(table, key, known) else { throw fault("[\(key)] is missing", key) }
        return found
    }

    private func optionalTable(
        _ table: TOMLTable, _ key: String, _ known: [String]?
    ) throws(PluginError) -> TOMLTable? {
        guard let value = table[key] else { return nil }
        guard let found = value.table else { throw fault("\(key) is not a table", key) }
        if let known { try only(found, "\(key).", known) }
        return found
    }

    private func string(_ table: TOMLTable, _ key: String, in path: String = "") throws(PluginError) -> String {
        guard let value = table[key]?.string else { throw fault("\(path)\(key) is missing or not text", path + key) }
        return value
    }

    private func integer(_ table: TOMLTable, _ key: String, in path: String = "") throws(PluginError) -> Int64 {
        guard let value = table[key]?.int else {
            throw fault("\(path)\(key) is missing or not an integer", path + key)
        }
        return Int64(value)
    }

    private func number(_ table: TOMLTable, _ key: String, in path: String) throws(PluginError) -> UInt32 {
        guard let value = UInt32(exactly: try integer(table, key, in: path)) else {
            throw fault("\(path)\(key) is out of range", path + key)
        }
        return value
    }

    private func strings(_ table: TOMLTable?, _ key: String, in path: String) throws(PluginError) -> [String] {
        guard let value = table?[key] else { return [] }
        guard let array = value.array else { throw fault("\(path)\(key) is not an array", path + key) }
        var result: [String] = []
        for entry in array {
            guard let text = entry.string else {
                throw fault("\(path)\(key) holds something that is not text", path + key)
            }
            result.append(text)
        }
        return result
    }

    private func name(_ table: TOMLTable, _ key: String, extra: String) throws(PluginError) -> String {
        let text = try string(table, key)
        guard Manifest.isName(text, extra: extra) else {
            throw fault("\(key) is not made of [a-z0-9-\(extra)], or longer than 64 bytes", key)
        }
        return text
    }

    private func library(_ table: TOMLTable) throws(PluginError) -> String {
        let text = try string(table, "library")
        guard !text.isEmpty, !text.contains("/"), !text.hasPrefix(".") else {
            throw fault("library must be a file name", "library")
        }
        return text
    }

    private func digest(_ table: TOMLTable, _ key: String) throws(PluginError) -> Digest? {
        let text = try string(table, key)
        if text.isEmpty { return nil }
        do { return try Digest(hex: text) } catch { throw fault("\(key) is not 64 hexadecimal digits", key) }
    }
}

extension Manifest {
    /// Whether a text can be an id (`extra` is ".") or a name.
    static func isName(_ text: String, extra: String) -> Bool {
        let allowed = "abcdefghijklmnopqrstuvwxyz0123456789-" + extra
        return !text.isEmpty && text.utf8.count <= 64 && text.allSatisfy { allowed.contains($0) }
            && !text.hasPrefix(".") && !text.hasPrefix("-")
    }
}

extension Manifest {
    /// Reads a manifest's text; `file` is for messages.
    public init(text: String, file: String) throws(PluginError) {
        self = try ManifestReader(file: file, text: text).read()
    }

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
