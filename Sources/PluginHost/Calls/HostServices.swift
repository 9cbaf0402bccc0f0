import Primitives

/// What the node lends to plugins. A plugin whose manifest asks for a service whose provider is nil is refused by name.
///
/// Providers are called on the thread of the plugin's call, or any other: they must be ready for both.
public struct HostServices: Sendable {
    public enum LogLevel: Int32, Sendable {
        case debug = 1
        case info = 2
        case warning = 3
        case error = 4
    }

    public struct Refusal: Error, Sendable {
        public let status: Int32
        public init(status: Int32) { self.status = status }
    }

    /// (plugin id, level, line)
    public var log: @Sendable (String, LogLevel, String) -> Void
    /// (plugin id, metric, value, is a counter's increment)
    public var metric: (@Sendable (String, String, Int64, Bool) -> Void)?
    /// Takes a wake (nil) or a complaint; nil leaves both to the instance's own `PluginAttention`.
    var attention: (@Sendable (String?) -> Void)?
    /// (plugin id, key) → value
    public var storageGet: (@Sendable (String, [UInt8]) -> [UInt8]?)?
    /// (plugin id, key, value or nil to remove)
    public var storagePut: (@Sendable (String, [UInt8], [UInt8]?) throws(Refusal) -> Void)?
    /// (plugin id, key id, scheme) → public key
    public var publicKey: (@Sendable (String, String, UInt32) throws(Refusal) -> [UInt8])?
    /// (plugin id, key id, scheme, purpose, message) → signature
    public var sign: (@Sendable (String, String, UInt32, String, [UInt8]) throws(Refusal) -> [UInt8])?
    /// → height, validators sorted by key
    public var validators: (@Sendable () -> (height: UInt64, set: [(key: PublicKey, power: UInt64)]))?

    /// The limits of STO-1.
    static let storageKeyBytes = 128
    static let storageValueBytes = 1 << 20

    /// Whether there is something behind a service. A plugin that asks for one without is not loaded (HOST-4).
    public func lends(_ service: PluginService) -> Bool {
        switch service {
        case .log, .clock, .random, .threadCheck, .attention, .network: true
        case .metrics: metric != nil
        case .storage: storageGet != nil && storagePut != nil
        case .sign: sign != nil && publicKey != nil
        case .validators: validators != nil
        case .timer, .transport: false
        }
    }

    public init(log: @escaping @Sendable (String, LogLevel, String) -> Void = { _, _, _ in }) { self.log = log }
}
