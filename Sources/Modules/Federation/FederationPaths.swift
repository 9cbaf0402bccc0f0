import Ledger
import Primitives

/// Where the Federation module keeps its records, all below `m/federation/`. Jobs are 32 bytes, accounts 33, rounds 4
/// bytes most
/// significant first; nothing separates them.
public enum FederationPaths {
    public static let module = "federation"

    /// `j/` job: `JobRecord`.
    public static func job(_ job: Digest) -> RecordPath { RecordPath(module, "j", [job.bytes]) }
    /// `t/` job: `JobTerms`.
    public static func terms(_ job: Digest) -> RecordPath { RecordPath(module, "t", [job.bytes]) }
    /// `m/` job account: `MemberRecord`.
    public static func member(_ job: Digest, _ account: AccountID) -> RecordPath {
        RecordPath(module, "m", [job.bytes, account.bytes])
    }
    /// `r/` job round: `RoundRecord`.
    public static func round(_ job: Digest, _ round: UInt32) -> RecordPath {
        RecordPath(module, "r", [job.bytes, RecordPath.part(round)])
    }
    /// `s/` job round account: `SubmissionRecord`.
    public static func submission(_ job: Digest, _ round: UInt32, _ account: AccountID) -> RecordPath {
        RecordPath(module, "s", [job.bytes, RecordPath.part(round), account.bytes])
    }
    /// `v/` job round account: `VerdictRecord`.
    public static func verdict(_ job: Digest, _ round: UInt32, _ auditor: AccountID) -> RecordPath {
        RecordPath(module, "v", [job.bytes, RecordPath.part(round), auditor.bytes])
    }
    /// `l/` job round: `LineageRecord`.
    public static func lineage(_ job: Digest, _ round: UInt32) -> RecordPath {
        RecordPath(module, "l", [job.bytes, RecordPath.part(round)])
    }
    /// `u/` job digest of the update: `SeenUpdate`.
    public static func seen(_ job: Digest, _ update: CID) -> RecordPath {
        RecordPath(module, "u", [job.bytes, update.digest.bytes])
    }
    /// `a/` account: `AuditorRecord`.
    public static func auditor(_ account: AccountID) -> RecordPath { RecordPath(module, "a", [account.bytes]) }
    static var auditors: RecordPath { RecordPath(module, "a") }
    /// `e/` escrow account: the job's 32 bytes.
    public static func escrow(_ account: AccountID) -> RecordPath { RecordPath(module, "e", [account.bytes]) }
    /// `f/` job: the fees that the escrow has paid.
    static func feesPaid(_ job: Digest) -> RecordPath { RecordPath(module, "f", [job.bytes]) }
    /// `g/` job account: those of a party's transactions.
    static func feesPaid(_ job: Digest, _ account: AccountID) -> RecordPath {
        RecordPath(module, "g", [job.bytes, account.bytes])
    }
    /// `q/` job round: a draw that waits for the beacon of a later block; the height since which it does.
    static func waitingDraw(_ job: Digest, _ round: UInt32) -> RecordPath {
        RecordPath(module, "q", [job.bytes, RecordPath.part(round)])
    }
    /// `x/` job: ended in this block; what the escrow of the last transaction's fee gives back is swept at the block's
    /// end.
    static func ending(_ job: Digest) -> RecordPath { RecordPath(module, "x", [job.bytes]) }
    static var endings: RecordPath { RecordPath(module, "x") }
    static var waitingDraws: RecordPath { RecordPath(module, "q") }
    /// `p/`: `FederationParameters`.
    public static var parameters: RecordPath { RecordPath(module, "p") }
    /// The derived account that holds the bonds of auditors.
    public static var bonds: AccountID { .derived(module: module, id: Array("bonds".utf8)) }
}

/// Who revealed an update first. Tuple: [round, member index].
public struct SeenUpdate: Hashable, Sendable, CBORCodable {
    public let round: UInt32
    public let member: UInt32

    init(round: UInt32, member: UInt32) {
        self.round = round
        self.member = member
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(round)
        encoder.unsigned(member)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        round = try decoder.number()
        member = try decoder.number()
    }
}

/// Set at genesis. Tuple: [auditor bond, most auditors].
public struct FederationParameters: Hashable, Sendable, CBORCodable {
    /// What an auditor deposits; zero in a consortium.
    public var auditorBond: Amount
    public var maximumAuditors: UInt32

    public init(auditorBond: Amount = .zero, maximumAuditors: UInt32 = 1_024) {
        self.auditorBond = auditorBond
        self.maximumAuditors = maximumAuditors
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(auditorBond)
        encoder.unsigned(maximumAuditors)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        auditorBond = try decoder.value()
        maximumAuditors = try decoder.number()
    }
}
