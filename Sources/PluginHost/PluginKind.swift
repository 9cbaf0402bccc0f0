import CVinculum

/// The kinds of plugins and what each may have.
public enum PluginKind: String, Sendable, CaseIterable {
    case consensus = "vin.consensus/1"
    case privacy = "vin.privacy/1"
    case verifier = "vin.verifier/1"
    case bridge = "vin.bridge/1"
    case runtime = "vin.runtime/1"

    /// Sans-IO and deterministic, unless the manifest says otherwise (`Manifest.isSansIO`).
    public var isSansIO: Bool {
        switch self {
        case .consensus, .privacy, .verifier: true
        case .bridge, .runtime: false
        }
    }

    /// What a manifest of this kind may ask for (HOST-3).
    public var services: Set<PluginService> {
        switch self {
        case .consensus: [.log, .threadCheck, .network, .attention]
        case .privacy, .verifier: [.log, .threadCheck]
        case .runtime: [.log, .threadCheck, .clock, .random, .metrics]
        case .bridge: Set(PluginService.allCases.filter { !$0.isReserved })
        }
    }

    /// Never enabled by an install.
    public var needsDecision: Bool { self == .consensus || self == .bridge }

    var tableSize: Int {
        switch self {
        case .consensus: MemoryLayout<vin_consensus>.size
        case .privacy: MemoryLayout<vin_privacy>.size
        case .verifier: MemoryLayout<vin_verifier>.size
        case .bridge: MemoryLayout<vin_bridge>.size
        case .runtime: MemoryLayout<vin_runtime>.size
        }
    }
}

/// The services of the host, by the name a manifest uses.
public enum PluginService: String, Sendable, CaseIterable {
    case log, clock, timer, random, transport, storage, sign, validators, metrics, attention
    /// No table, but the permission to open connections: an engine that asks for it is not sans-IO.
    case network
    case threadCheck = "thread-check"

    var id: String { "vin.host.\(rawValue)/1" }

    /// The headers keep its shape, but no host of this version lends it: a manifest that asks for it is refused.
    public var isReserved: Bool { self == .timer || self == .transport }
}

/// Where a plugin runs.
public enum PluginIsolation: String, Sendable {
    /// In the host's own process.
    case none
    /// In a child process of its own.
    case process
}
