public import CVinculum

/// The cost of one use at the 32 orders of `draft/privacy.h`, in 1e-9, rounded up.
public struct PrivacyCost: Hashable, Sendable {
    /// Always 32 entries.
    public let orders: [UInt64]

    /// Nil unless there are 32 entries.
    public init?(_ orders: [UInt64]) {
        guard orders.count == Int(VIN_PRIVACY_ORDER_COUNT) else { return nil }
        self.orders = orders
    }

    /// The orders themselves, in quarters.
    public static var ordersInQuarters: [UInt32] {
        withUnsafeBytes(of: vin_privacy_orders_quarters) { Array($0.bindMemory(to: UInt32.self)) }
    }

    var record: vin_privacy_cost {
        var cost = vin_privacy_cost()
        withUnsafeMutableBytes(of: &cost) { target in orders.withUnsafeBytes { target.copyMemory(from: $0) } }
        return cost
    }
}

/// Noise and cost for a job.
public struct PrivacyPlan: Sendable {
    public var noiseScaleInGridSteps: UInt64
    /// Of all planned rounds, times 1e9, rounded up.
    public var epsilonBillionths: UInt64
    public var expansionBytes: UInt64
    public var costOfRound: PrivacyCost

    public init(
        noiseScaleInGridSteps: UInt64, epsilonBillionths: UInt64, expansionBytes: UInt64, costOfRound: PrivacyCost
    ) {
        self.noiseScaleInGridSteps = noiseScaleInGridSteps
        self.epsilonBillionths = epsilonBillionths
        self.expansionBytes = expansionBytes
        self.costOfRound = costOfRound
    }
}

/// A round that begins.
public struct PrivacyRound: Sendable {
    public let role: Role
    public let job: Bytes32
    public let model: Bytes32
    public let membersRoot: Bytes32
    public let entropy: Bytes32
    public let ownKey: Bytes32
    public let round: UInt32
    public let members: [Bytes32]

    public enum Role: UInt32, Sendable {
        case site = 1
        case aggregator = 2
    }
}

/// A message of a protocol of several rounds; a peer of nil is the aggregator.
public struct PrivacyMessage: Sendable {
    public var step: UInt32
    public var peer: Bytes32?
    public var payload: [UInt8]

    public init(step: UInt32, peer: Bytes32?, payload: [UInt8]) {
        self.step = step
        self.peer = peer
        self.payload = payload
    }
}

/// A privacy mechanism: `draft/privacy.h` is its specification. Every call is [lane]; all are deterministic.
public protocol PrivacyPlugin: Plugin {
    /// The guarantees it can give, as the structs of the header (`struct_size` is filled in by the glue).
    var capabilities: [vin_privacy_capability] { get }

    func plan(_ job: vin_privacy_job) throws(PluginFailure) -> PrivacyPlan
    func begin(_ round: PrivacyRound) throws(PluginFailure)

    /// The cost of the next release; called before it (PRV-2; the glue refuses a release without it).
    func spend() throws(PluginFailure) -> PrivacyCost

    /// Protects the values in place (PRV-8). Bytes appended to `extra` travel with them.
    func release(
        _ values: inout MutableSpan<Int64>, sensitivityInGridSteps: UInt64, gridBits: UInt32, extra: inout [UInt8]
    ) throws(PluginFailure)

    /// Adds a member's vector to the total; independent of the order of members.
    func combine(
        member: Bytes32, vector: Span<Int64>, total: inout MutableSpan<Int64>, extra: [UInt8]
    ) throws(PluginFailure)

    /// Finishes the total, given the members that were lost.
    func recover(total: inout MutableSpan<Int64>, lost: [Bytes32]) throws(PluginFailure)

    /// A message came in, or nil at the start; answers the messages to send.
    func message(_ message: PrivacyMessage?) throws(PluginFailure) -> [PrivacyMessage]

    /// Ends the round and wipes its secrets.
    func end() throws(PluginFailure)
}

extension PrivacyPlugin {
    public func message(_ message: PrivacyMessage?) throws(PluginFailure) -> [PrivacyMessage] {
        throw PluginFailure(.unsupported, "this mechanism exchanges no messages")
    }
}
