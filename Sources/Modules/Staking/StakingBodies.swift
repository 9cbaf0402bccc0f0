import Ledger
import Primitives

/// Makes the sender a validator. Body of `register`. Tuple: [key, proof, commission, most commission, stake, term].
public struct RegisterBody: Hashable, Sendable, CBORCodable {
    public let key: PublicKey
    /// The consensus key's signature over `message`: nobody registers another's key.
    public let proof: Signature
    /// In 1e-6 of rewards.
    public let commission: UInt64
    /// Promised for good.
    public let maximumCommission: UInt64
    public let stake: Amount
    public let term: LockTerm

    public init(
        key: PublicKey, proof: Signature, commission: UInt64, maximumCommission: UInt64, stake: Amount, term: LockTerm
    ) {
        self.key = key
        self.proof = proof
        self.commission = commission
        self.maximumCommission = maximumCommission
        self.stake = stake
        self.term = term
    }

    /// Signs with the consensus key.
    public init(
        key: SecretKey, of operatorAccount: AccountID, chain: CID, commission: UInt64, maximumCommission: UInt64,
        stake: Amount, term: LockTerm
    ) {
        self.init(
            key: key.publicKey, proof: key.sign(RegisterBody.message(chain: chain, operatorAccount: operatorAccount)),
            commission: commission, maximumCommission: maximumCommission, stake: stake, term: term)
    }

    /// What the key signs: `vinculum/validator-key/1`, a zero byte, [chain, operator].
    public static func message(chain: CID, operatorAccount: AccountID) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: 2)
        encoder.link(chain)
        encoder.value(operatorAccount)
        return signedBytes(kind: "validator-key", body: encoder.finish())
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 6)
        encoder.value(key)
        encoder.value(proof)
        encoder.unsigned(commission)
        encoder.unsigned(maximumCommission)
        encoder.value(stake)
        encoder.unsigned(term.rawValue)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 6)
        key = try decoder.value()
        proof = try decoder.value()
        commission = try decoder.unsigned()
        maximumCommission = try decoder.unsigned()
        stake = try decoder.value()
        term = try decoder.choice()
    }
}

/// Body of `set_commission`. Tuple: [commission in 1e-6].
public struct CommissionBody: Hashable, Sendable, CBORCodable {
    public let commission: UInt64

    public init(commission: UInt64) { self.commission = commission }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.unsigned(commission)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        commission = try decoder.unsigned()
    }
}

/// Bonds tokens of the sender with a validator, which may be the sender. The lock-up of the position begins anew.
/// Body of `delegate`. Tuple: [validator, amount, term].
public struct DelegateBody: Hashable, Sendable, CBORCodable {
    public let validator: AccountID
    public let amount: Amount
    public let term: LockTerm

    public init(validator: AccountID, amount: Amount, term: LockTerm) {
        self.validator = validator
        self.amount = amount
        self.term = term
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.value(validator)
        encoder.value(amount)
        encoder.unsigned(term.rawValue)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        validator = try decoder.value()
        amount = try decoder.value()
        term = try decoder.choice()
    }
}

/// Promises a position anew, for the same term or a longer one. Body of `relock`. Tuple: [validator, from, to].
public struct RelockBody: Hashable, Sendable, CBORCodable {
    public let validator: AccountID
    public let from: LockTerm
    public let to: LockTerm

    public init(validator: AccountID, from: LockTerm, to: LockTerm) {
        self.validator = validator
        self.from = from
        self.to = to
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.value(validator)
        encoder.unsigned(from.rawValue)
        encoder.unsigned(to.rawValue)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        validator = try decoder.value()
        from = try decoder.choice()
        to = try decoder.choice()
    }
}

/// Takes stake out of a position whose lock-up has ended; it is paid out after the time of unbonding.
/// Body of `unbond`. Tuple: [validator, term, amount; null for all].
public struct UnbondBody: Hashable, Sendable, CBORCodable {
    public let validator: AccountID
    public let term: LockTerm
    public let amount: Amount?

    public init(validator: AccountID, term: LockTerm, amount: Amount?) {
        self.validator = validator
        self.term = term
        self.amount = amount
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.value(validator)
        encoder.unsigned(term.rawValue)
        encoder.optional(amount)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        validator = try decoder.value()
        term = try decoder.choice()
        amount = try decoder.optional()
    }
}

/// A body that says nothing but who sends it: of `withdraw`, `collect` and `unjail`. Tuple: [].
public struct EmptyBody: Hashable, Sendable, CBORCodable {
    public init() {}

    public func encode(to encoder: inout CBOREncoder) { encoder.array(count: 0) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) { try decoder.array(count: 0) }
}

/// Proves that a validator contradicted itself. Body of `report`. Tuple: [evidence].
public struct ReportBody: Hashable, Sendable, CBORCodable {
    public let evidence: Evidence

    public init(evidence: Evidence) { self.evidence = evidence }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.value(evidence)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        evidence = try decoder.value()
    }
}
