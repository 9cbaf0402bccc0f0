import CVinculum

/// What a plugin says about itself; equal to its manifest (FAC-1, FAC-2).
public struct PluginDescription: Sendable {
    public let id: String
    public let version: String
    public let vendor: String
    public let licence: String
    public let leastHostMinor: UInt32
    /// False for an engine that speaks with a service of its operator's: its manifest asks for `network` (HOST-3).
    public let isDeterministic: Bool

    public init(
        id: String, version: String, vendor: String, licence: String, leastHostMinor: UInt32 = 0,
        isDeterministic: Bool = true
    ) {
        self.id = id
        self.version = version
        self.vendor = vendor
        self.licence = licence
        self.leastHostMinor = leastHostMinor
        self.isDeterministic = isDeterministic
    }
}

/// What every kind of plugin has. A class of the author's: one object an instance, used by one call at a time.
public protocol Plugin: AnyObject {
    static var description: PluginDescription { get }

    /// [control] Makes the object. Calls nothing of the host (HOST-1).
    init(host: HostAccess)

    /// [control & created] Takes the operator's settings; `host` now has its services. Refuses keys it does not know.
    func configure(_ settings: Settings, host: HostAccess) throws(PluginFailure)
}

extension Plugin {
    public func configure(_ settings: Settings, host: HostAccess) throws(PluginFailure) {
        try settings.refuseOthers()
    }
}

/// One plugin of a library, with its kind.
public enum PluginRegistration {
    case consensus(any ConsensusPlugin.Type)
    case privacy(any PrivacyPlugin.Type)
    case verifier(any VerifierPlugin.Type)
    case runtime(any RuntimePlugin.Type)
    case bridge(any BridgePlugin.Type)

    var type: any Plugin.Type {
        switch self {
        case .consensus(let type): type
        case .privacy(let type): type
        case .verifier(let type): type
        case .runtime(let type): type
        case .bridge(let type): type
        }
    }

    var kind: PluginKind {
        switch self {
        case .consensus: .consensus
        case .privacy: .privacy
        case .verifier: .verifier
        case .runtime: .runtime
        case .bridge: .bridge
        }
    }
}

enum PluginKind: Int, CaseIterable {
    case consensus, privacy, verifier, runtime, bridge

    var id: String {
        switch self {
        case .consensus: VIN_KIND_CONSENSUS
        case .privacy: VIN_KIND_PRIVACY
        case .verifier: VIN_KIND_VERIFIER
        case .runtime: VIN_KIND_RUNTIME
        case .bridge: VIN_KIND_BRIDGE
        }
    }

    // VIN_DESCRIPTOR_DETERMINISTIC for the kinds that do no I/O.
    var flags: UInt32 {
        switch self {
        case .consensus, .privacy, .verifier: 1
        case .runtime, .bridge: 0
        }
    }
}
