import Ledger
import Primitives

/// A dataset and its whole budget: one leaf, so that one proof shows everything a light client compares.
///
/// Tuple: [owner, unit, relation, delta (1e-12), size band, most records a person, limits, spent, reserved, parent or
/// null,
/// successor or null, retired].
public struct DatasetRecord: Hashable, Sendable, CBORCodable {
    public let owner: AccountID
    public let unit: PrivacyUnit
    public let relation: NeighbourRelation
    public let deltaTrillionths: UInt64
    /// The public number of records, as registered: a band, never the exact count. Weights of members are taken from
    /// it.
    public let sizeBand: UInt32
    /// The bound on one person's records; zero unless the unit is person.
    public let maximumRecordsPerPerson: UInt32
    public let limits: CostVector
    public internal(set) var spent: CostVector
    public internal(set) var reserved: CostVector
    public let parent: Digest?
    /// The newer version that took its place and inherited what it had spent.
    public internal(set) var successor: Digest?
    public internal(set) var isRetired: Bool

    /// No new reservations.
    public var isClosed: Bool { isRetired || successor != nil }

    /// What an admission test starts from. Nil on overflow, which admission has excluded.
    public var committed: CostVector? { spent.adding(reserved) }

    /// Whether `cost` more would be admitted.
    public func admits(_ cost: CostVector) -> Bool {
        committed?.adding(cost)?.isAdmitted(by: limits) ?? false
    }

    /// How many more uses of `cost` would be admitted, at most `bound`: what a site asks before it accepts a job.
    public func admittedRounds(of cost: CostVector, upTo bound: UInt32) -> UInt32 {
        var low: UInt32 = 0
        var high = bound
        while low < high {
            let middle = low + (high - low + 1) / 2
            if let total = cost.multiplied(by: middle), admits(total) { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// The identifier of the dataset that `owner` registers under `label`, 32 bytes that the owner chooses (a salted
    /// digest, which says nothing about the data).
    public static func id(owner: AccountID, label: Digest) -> Digest {
        var encoder = CBOREncoder()
        encoder.array(count: 2)
        encoder.value(owner)
        encoder.digest(label)
        return .blake2b256(signedBytes(kind: "dataset", body: encoder.finish()))
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 12)
        encoder.value(owner)
        encoder.unsigned(unit.rawValue)
        encoder.unsigned(relation.rawValue)
        encoder.unsigned(deltaTrillionths)
        encoder.unsigned(sizeBand)
        encoder.unsigned(maximumRecordsPerPerson)
        encoder.value(limits)
        encoder.value(spent)
        encoder.value(reserved)
        encoder.optional(parent)
        encoder.optional(successor)
        encoder.bool(isRetired)
    }
}

extension DatasetRecord {
    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 12)
        owner = try decoder.value()
        unit = try decoder.choice()
        relation = try decoder.choice()
        deltaTrillionths = try decoder.unsigned()
        sizeBand = try decoder.unsigned(as: UInt32.self)
        maximumRecordsPerPerson = try decoder.unsigned(as: UInt32.self)
        limits = try decoder.value()
        spent = try decoder.value()
        reserved = try decoder.value()
        parent = try decoder.optional()
        successor = try decoder.optional()
        isRetired = try decoder.bool()
    }

    /// What the ledger keeps of a registration.
    public init(owner: AccountID, registration: DatasetRegistration, spent: CostVector) {
        self.owner = owner
        unit = registration.unit
        relation = registration.relation
        deltaTrillionths = registration.deltaTrillionths
        sizeBand = registration.sizeBand
        maximumRecordsPerPerson = registration.maximumRecordsPerPerson
        limits = registration.limits
        self.spent = spent
        reserved = .zero
        parent = registration.parent
        successor = nil
        isRetired = false
    }
}
