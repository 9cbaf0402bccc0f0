import ArgumentParser
import Consensus
import Ledger
import Node
import Primitives

/// Who orders the blocks of a chain that `vinculum init` makes.
enum ChainConsensus: String, ExpressibleByArgument, CaseIterable, Codable, Sendable {
    /// One validator decides alone.
    case solo
    /// More than two thirds of stake.
    case pos
    /// More than two thirds of stake times contribution.
    case poc
    /// More than half of the validators, in the order of an etcd cluster of the operators.
    case etcd

    /// The id that the genesis and the headers name.
    var engine: String { "org.vinculum.consensus-\(rawValue)" }

    /// The keys of other validators, given as accounts.
    ///
    /// - Parameter isSwappable: whether others may come to validate under another engine.
    func keys(_ accounts: [String], isSwappable: Bool) throws -> [PublicKey] {
        guard accounts.isEmpty || self != .solo || isSwappable else {
            throw ValidationError("solo has one validator: choose --consensus pos, poc or etcd for more")
        }
        return try accounts.map { text in
            guard let account = try? AccountID(text: text), let key = account.publicKey else {
                throw ValidationError("--validator \(text): no account of one key; `vinculum init key` shows it")
            }
            return key
        }
    }

    func parameters(blockInterval: UInt16?) -> CBORMap {
        switch self {
        case .solo: CBORMap([("interval_ms", .unsigned(UInt64(blockInterval ?? 10)))])
        case .pos, .poc, .etcd: CBORMap(blockInterval.map { [("batch_ms", .unsigned(UInt64($0)))] } ?? [])
        }
    }

    /// What a chain that may change its engine says of this one.
    var allowed: AllowedEngine {
        AllowedEngine(engine: engine, quorum: quorum, isByContribution: self == .poc)
    }

    private var quorum: EngineQuorum {
        switch self {
        case .solo: .one
        case .pos, .poc: .twoThirds
        case .etcd: .majority
        }
    }

    /// The first validators, of the same power each.
    func validators(_ keys: [PublicKey]) throws -> ValidatorSet {
        if self == .solo, let only = keys.first { return ValidatorSet(solo: only) }
        let validators = keys.map { ValidatorSet.Validator(key: $0) }
        // Validators of this engine may crash, and are not believed to lie.
        let majority = self == .etcd ? ValidatorSet(validators, threshold: UInt64(keys.count / 2 + 1)) : nil
        guard let set = majority ?? ValidatorSet(byzantine: validators) else {
            throw ValidationError(
                "validators are 1 to \(ValidatorSet.maximumCount) keys, none twice, this node's own included")
        }
        return set
    }
}

/// Who may change the engine of a chain that `vinculum init` makes.
enum SwapRule: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// The account 'main' alone.
    case `operator`
    /// More than two thirds of the validators' power.
    case validators
}
