import Ledger
import Primitives

/// What one change of the data means: the neighbour's unit.
public enum PrivacyUnit: UInt8, CaseIterable, Sendable {
    case record = 0
    case person = 1
    case site = 2
}

/// How neighbours differ.
public enum NeighbourRelation: UInt8, CaseIterable, Sendable {
    case addOrRemove = 0
    case replace = 1
}

/// Whom a guarantee holds against.
public enum Adversary: Hashable, Sendable {
    case everyone
    case everyoneButTheAggregator
    /// Up to so many members that collude.
    case colludingMembers(UInt32)

    /// How much it covers; a policy accepts its own or a stronger one.
    public var number: UInt32 {
        switch self {
        case .everyone: 0
        case .everyoneButTheAggregator: 1
        case .colludingMembers(let count): 2 &+ min(count, 0xffff)
        }
    }
}

/// The four things every guarantee names, and its epsilon. Tuple: [unit, relation, delta (1e-12), adversary, epsilon
/// (1e-9)];
/// adversary is 0 everyone, 1 everyone but the aggregator, 2 + C up to C colluding members.
public struct Guarantee: Hashable, Sendable, CBORCodable {
    public var unit: PrivacyUnit
    public var relation: NeighbourRelation
    /// In 1e-12: 1e-5 is 10,000,000.
    public var deltaTrillionths: UInt64
    public var adversary: Adversary
    /// The whole job's, in 1e-9, rounded up.
    public var epsilonBillionths: UInt64

    public init(
        unit: PrivacyUnit, relation: NeighbourRelation, deltaTrillionths: UInt64, adversary: Adversary,
        epsilonBillionths: UInt64
    ) {
        self.unit = unit
        self.relation = relation
        self.deltaTrillionths = deltaTrillionths
        self.adversary = adversary
        self.epsilonBillionths = epsilonBillionths
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.unsigned(unit.rawValue)
        encoder.unsigned(relation.rawValue)
        encoder.unsigned(deltaTrillionths)
        encoder.unsigned(adversary.number)
        encoder.unsigned(epsilonBillionths)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        unit = try decoder.choice()
        relation = try decoder.choice()
        deltaTrillionths = try decoder.unsigned()
        let number = try decoder.unsigned(as: UInt32.self)
        switch number {
        case 0: adversary = .everyone
        case 1: adversary = .everyoneButTheAggregator
        case 2...0x1_0001: adversary = .colludingMembers(number - 2)
        default: throw decoder.invalid("adversary \(number)")
        }
        epsilonBillionths = try decoder.unsigned()
    }
}
