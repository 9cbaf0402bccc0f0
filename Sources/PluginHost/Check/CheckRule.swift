public import Primitives

/// The rules of `vinculum plugin check`. An id and a sentence each; both are in the output, so neither can drift.
public enum CheckRule: String, Sendable, CaseIterable {
    case manifest
    case signature
    case digest
    case exports
    case symbols
    case load
    case settings
    case refusesUnknownSettings = "refuses-unknown-settings"
    case conformance
    case determinism
    case conformanceDigest = "conformance-digest"
    case garbage
    case fuzz
    case destroy

    public var sentence: String {
        switch self {
        case .manifest: "The manifest has all that Plugins/README.md asks for and nothing else, and fits this host."
        case .signature: "A signature beside the manifest is by a trusted key and matches it."
        case .digest: "The library has the sha256 that the manifest promises."
        case .exports: "The library exports vin_plugin_entry_v1 and no other symbol (ENT-1)."
        case .symbols: "A sans-IO plugin wants nothing of others that is a clock, a random source, a thread or a file."
        case .load: "Entry, factory, descriptor and table are whole and agree with the manifest (ENT-2, FAC-1, FAC-2)."
        case .settings: "The plugin takes the defaults of its own schema."
        case .refusesUnknownSettings: "The plugin refuses a setting that it does not know (BASE-12)."
        case .conformance: "The plugin keeps the numbered rules of its kind in a seeded scenario."
        case .determinism: "The same seed gives the same bytes in two separate processes (CON-1, PRV-1, VER-1)."
        case .conformanceDigest:
            "The plugin does in the fixed scenarios what the manifest's conformance_digest stands for."
        case .garbage: "Malformed input is refused with an error and the instance goes on (BASE-6)."
        case .fuzz: "Random input neither ends the process nor makes it hang, nor brings malformed output."
        case .destroy: "The instance is destroyed without a crash."
        }
    }
}

/// How a rule ended.
public struct CheckResult: Sendable, Hashable {
    public enum Outcome: String, Sendable {
        case passed, failed, crashed, warned, skipped
    }

    public let rule: CheckRule
    public let outcome: Outcome
    /// Why, unless it passed.
    public let reason: String
}

/// All results for one plugin.
public struct CheckReport: Sendable, Hashable {
    public let plugin: String
    public let version: String
    public let seed: UInt64
    /// Of this very library; nil for kinds that do I/O, and where the scenarios do not run through.
    public let conformanceDigest: Digest?
    public let results: [CheckResult]

    /// Nothing failed or crashed.
    public var hasPassed: Bool { !results.contains { $0.outcome == .failed || $0.outcome == .crashed } }

    /// What `vinculum plugin check --json` prints; the schema's version is raised when a field changes its meaning.
    public var document: CBORMap {
        let rows = results.map { result in
            CBORValue.map(
                CBORMap([
                    ("rule", .text(result.rule.rawValue)), ("outcome", .text(result.outcome.rawValue)),
                    ("sentence", .text(result.rule.sentence)), ("reason", .text(result.reason)),
                ]))
        }
        return CBORMap([
            ("plugin", .text(plugin)), ("version", .text(version)), ("seed", .text("\(seed)")),
            ("conformance_digest", conformanceDigest.map { .text($0.hex) } ?? .null), ("passed", .bool(hasPassed)),
            ("results", .array(rows)),
        ])
    }
}
