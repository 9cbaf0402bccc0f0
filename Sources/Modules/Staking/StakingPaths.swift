import Ledger
import Primitives

/// Where the Staking module keeps its records, all below `m/staking/`, and the accounts that it owns.
public enum StakingPaths {
    public static let module = "staking"

    /// Holds all stake, bonded and unbonding.
    public static let stakes = AccountID.derived(module: module, id: Array("stakes".utf8))
    /// Holds rewards that are earned and not collected.
    public static let rewards = AccountID.derived(module: module, id: Array("rewards".utf8))
    /// Takes the proposer's share of fees, from block to block.
    public static let fees = AccountID.derived(module: module, id: Array("fees".utf8))

    /// `p/`: `StakingParameters`. Without it the module does nothing.
    public static var parameters: RecordPath { RecordPath(module, "p") }
    /// `s/`: `EpochState`.
    public static var epochState: RecordPath { RecordPath(module, "s") }
    /// `a/`: `ActiveSet`, who validates in this epoch.
    public static var activeSet: RecordPath { RecordPath(module, "a") }
    /// `v/` operator: `ValidatorRecord`.
    public static func validator(_ operatorAccount: AccountID) -> RecordPath {
        RecordPath(module, "v", [operatorAccount.bytes])
    }
    public static var validators: RecordPath { RecordPath(module, "v") }
    /// `k/` consensus key (32 bytes): the operator. Kept for good, so that a key has one owner ever.
    public static func key(_ key: PublicKey) -> RecordPath { RecordPath(module, "k", [key.bytes]) }
    /// `r/` 2^64 - 1 - tokens (8 bytes), operator: the consensus key; validators that may be active, largest first.
    static func rank(_ tokens: UInt64, _ operatorAccount: AccountID) -> RecordPath {
        RecordPath(module, "r", [(UInt64.max - tokens).bigEndianBytes, operatorAccount.bytes])
    }
    static var ranks: RecordPath { RecordPath(module, "r") }
    /// `d/` holder, operator, term (1 byte): `PositionRecord`.
    public static func position(_ id: PositionID) -> RecordPath { RecordPath(module, "d", [id.bytes]) }
    public static func positions(of holder: AccountID) -> RecordPath { RecordPath(module, "d", [holder.bytes]) }
    /// `x/` end of the lock-up (ms, 8 bytes), position: the position, in the order in which bonuses end.
    static func bonusEnd(_ milliseconds: UInt64, _ id: PositionID) -> RecordPath {
        RecordPath(module, "x", [milliseconds.bigEndianBytes, id.bytes])
    }
    static var bonusEnds: RecordPath { RecordPath(module, "x") }
    /// `w/` holder, operator, epoch (8 bytes): the holder's shares of the bucket.
    public static func withdrawal(_ holder: AccountID, _ operatorAccount: AccountID, epoch: UInt64) -> RecordPath {
        RecordPath(module, "w", [holder.bytes, operatorAccount.bytes, epoch.bigEndianBytes])
    }
    public static func withdrawals(of holder: AccountID) -> RecordPath { RecordPath(module, "w", [holder.bytes]) }
    /// `b/` operator, 2^64 - 1 - epoch (8 bytes): `SharePool`, what left a validator in one epoch, newest first.
    public static func bucket(_ operatorAccount: AccountID, epoch: UInt64) -> RecordPath {
        RecordPath(module, "b", [operatorAccount.bytes, (UInt64.max - epoch).bigEndianBytes])
    }
    static func buckets(of operatorAccount: AccountID) -> RecordPath {
        RecordPath(module, "b", [operatorAccount.bytes])
    }
    /// `e/` 2^64 - 1 - first height (8 bytes): `EpochRecord`, newest first.
    public static func epoch(_ firstHeight: UInt64) -> RecordPath {
        RecordPath(module, "e", [(UInt64.max - firstHeight).bigEndianBytes])
    }
    static var epochs: RecordPath { RecordPath(module, "e") }
    /// `c/` number of the epoch (8 bytes), operator: `AppraisalRecord`; of the epoch that runs and the one before.
    public static func appraisal(_ operatorAccount: AccountID, epoch: UInt64) -> RecordPath {
        RecordPath(module, "c", [epoch.bigEndianBytes, operatorAccount.bytes])
    }
    static var appraisals: RecordPath { RecordPath(module, "c") }
    /// `q/` operator: `Standing`, how stake judges its work; none where nobody says anything for it.
    public static func standing(_ operatorAccount: AccountID) -> RecordPath {
        RecordPath(module, "q", [operatorAccount.bytes])
    }
    public static var standings: RecordPath { RecordPath(module, "q") }
    /// `n/` consensus key: blocks that it has proposed in this epoch.
    static func proposals(_ key: PublicKey) -> RecordPath { RecordPath(module, "n", [key.bytes]) }
    static var allProposals: RecordPath { RecordPath(module, "n") }
}

/// Names a position: whose stake, with which validator, for which term. A holder has at most one of each.
public struct PositionID: Hashable, Sendable {
    public let holder: AccountID
    /// The validator's operator.
    public let validator: AccountID
    public let term: LockTerm

    public init(holder: AccountID, validator: AccountID, term: LockTerm) {
        self.holder = holder
        self.validator = validator
        self.term = term
    }

    static let byteCount = 2 * AccountID.byteCount + 1

    var bytes: [UInt8] { holder.bytes + validator.bytes + [term.rawValue] }

    /// Nil for bytes that name no position.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == PositionID.byteCount, let term = LockTerm(rawValue: bytes[PositionID.byteCount - 1]),
            let holder = try? AccountID(bytes: bytes[..<AccountID.byteCount]),
            let validator = try? AccountID(bytes: bytes[AccountID.byteCount..<2 * AccountID.byteCount])
        else { return nil }
        self.init(holder: holder, validator: validator, term: term)
    }
}

extension UInt64 {
    /// So that the order of paths is the order of numbers.
    var bigEndianBytes: [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> UInt64($0)) }
    }

    /// The number that `bigEndianBytes` wrote; nil for other than eight bytes.
    public init?(bigEndianBytes bytes: some Collection<UInt8>) {
        guard bytes.count == 8 else { return nil }
        self = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
