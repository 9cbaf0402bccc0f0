import Ledger
import Primitives

/// Moves an amount from the sender to an account: the body of `transfer`.
public struct Transfer: Hashable, Sendable, CBORCodable {
    public let to: AccountID
    public let amount: Amount

    public init(to: AccountID, amount: Amount) {
        self.to = to
        self.amount = amount
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(to)
        encoder.value(amount)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        to = try decoder.value()
        amount = try decoder.value()
    }
}

/// Transfers that all happen or none: the body of `transfer-batch`.
public struct TransferBatch: Hashable, Sendable, CBORCodable {
    public static let maximumCount = 256
    public let transfers: [Transfer]

    public init(_ transfers: [Transfer]) { self.transfers = transfers }

    public func encode(to encoder: inout CBOREncoder) { encoder.list(transfers) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        transfers = try decoder.list(of: Transfer.self, maximum: TransferBatch.maximumCount)
    }
}

/// An amount alone: the body of `burn`.
public struct BurnOrder: Hashable, Sendable, CBORCodable {
    public let amount: Amount

    public init(amount: Amount) { self.amount = amount }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.value(amount)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        amount = try decoder.value()
    }
}

/// Where fees go, in parts of a million; what the shares leave over by rounding is the proposer's. In the state at
/// `m/tokens/parameters`.
public struct TokensParameters: Hashable, Sendable, CBORCodable {
    public static let whole: UInt64 = 1_000_000

    public let burnShare: UInt64
    public let proposerShare: UInt64
    public let treasuryShare: UInt64
    public let treasury: AccountID

    /// Refuses shares that do not add up to a million.
    public init(
        burnShare: UInt64 = 500_000, proposerShare: UInt64 = 300_000, treasuryShare: UInt64 = 200_000,
        treasury: AccountID = .derived(module: "tokens", id: Array("treasury".utf8))
    ) throws(Refusal) {
        guard burnShare <= TokensParameters.whole, proposerShare <= TokensParameters.whole,
            treasuryShare <= TokensParameters.whole,
            burnShare + proposerShare + treasuryShare == TokensParameters.whole
        else { throw Refusal(.invalidShares, "the shares of fees do not add up to \(TokensParameters.whole)") }
        self.burnShare = burnShare
        self.proposerShare = proposerShare
        self.treasuryShare = treasuryShare
        self.treasury = treasury
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.unsigned(burnShare)
        encoder.unsigned(proposerShare)
        encoder.unsigned(treasuryShare)
        encoder.value(treasury)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        let burn = try decoder.unsigned()
        let proposer = try decoder.unsigned()
        let treasury = try decoder.unsigned()
        let account = try decoder.value(AccountID.self)
        do {
            try self.init(burnShare: burn, proposerShare: proposer, treasuryShare: treasury, treasury: account)
        } catch {
            throw decoder.invalid(error.detail)
        }
    }
}

/// What was ever made and destroyed; the supply is the difference. In the state at `m/tokens/supply`.
public struct SupplyCounters: Hashable, Sendable, CBORCodable {
    public var minted: Amount
    public var burned: Amount

    public init(minted: Amount = .zero, burned: Amount = .zero) {
        self.minted = minted
        self.burned = burned
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(minted)
        encoder.value(burned)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        minted = try decoder.value()
        burned = try decoder.value()
        guard minted >= burned else { throw decoder.invalid("more was burned than minted") }
    }
}
