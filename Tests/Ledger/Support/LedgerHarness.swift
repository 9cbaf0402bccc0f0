import Ledger
import Primitives

/// A ledger in memory for tests of modules: apply actions block by block, look at the state, check what must always
/// hold.
///
/// Keys come from numbers, blocks follow one another a second apart, and beacons are digests of heights, so that a test
/// is the same each time it runs.
public struct LedgerHarness {
    public private(set) var state: LedgerState
    public private(set) var height: UInt64 = 0
    public private(set) var timeMilliseconds: UInt64
    public let proposer: AccountID
    /// Checked after the genesis and after each block, such as the conservation of supply; a throw fails the block.
    public let invariant: (LedgerState) throws(Refusal) -> Void

    public static let chain = CID.of(raw: Array("harness".utf8))

    public init(
        modules: [any LedgerModule], sections: CBORMap = CBORMap(), parameters: LedgerParameters = LedgerParameters(),
        startTimeMilliseconds: UInt64 = 1_700_000_000_000,
        invariant: @escaping (LedgerState) throws(Refusal) -> Void = { (_) throws(Refusal) in }
    ) throws(Refusal) {
        proposer = AccountID(LedgerHarness.key(0).publicKey)
        timeMilliseconds = startTimeMilliseconds
        self.invariant = invariant
        state = try LedgerState(
            rules: Rules(modules), chain: LedgerHarness.chain, parameters: parameters,
            block: BlockInfo(height: 0, timeMilliseconds: startTimeMilliseconds, beacon: .zero, proposer: proposer),
            sections: sections)
        try invariant(state)
    }

    /// The key of a number; key 0 is the proposer's.
    public static func key(_ number: UInt64) -> SecretKey {
        let seed = Digest.blake2b256(signedBytes(kind: "harness-key", body: number))
        return SecretKey(seed: seed.bytes) ?? SecretKey.generate()
    }

    /// The account of a numbered key.
    public static func account(_ number: UInt64) -> AccountID { AccountID(key(number).publicKey) }

    /// A signed call with the sender's next sequence. Use `lane` for more than one call of a sender in a block, or
    /// `skipping` for calls of the same lane that come before it in the block.
    public func call(
        _ module: String, _ call: ActionCall, from number: UInt64, lane: UInt8 = 0, skipping: UInt64 = 0,
        payer: AccountID? = nil, feeLimit: Amount? = nil, cosigners: [UInt64] = []
    ) throws(Refusal) -> VerifiedTransaction {
        let key = LedgerHarness.key(number)
        let id = AccountID(key.publicKey)
        let sequence = try state.account(id).sequences[lane] + skipping
        let fee = feeLimit ?? (state.parameters.fees == .free ? .zero : Amount(baseUnits: 1_000_000_000_000_000))
        let body = TransactionBody(
            chain: state.chain, account: id, lane: lane, sequence: sequence, validUntilHeight: height + 100,
            payer: payer,
            feeLimit: fee, module: module, call: call)
        return try VerifiedTransaction(
            verifying: Transaction(body, signedBy: [key] + cosigners.map { LedgerHarness.key($0) }))
    }

    /// Makes a block of the transactions, and the time pass before it. Throws if a transaction can be in no block or
    /// the invariant does not hold; a transaction that fails is in the receipts.
    @discardableResult
    public mutating func block(
        _ transactions: [VerifiedTransaction] = [], afterMilliseconds: UInt64 = 1_000, beacon: Digest? = nil
    ) throws(Refusal) -> [Receipt] {
        height += 1
        timeMilliseconds += afterMilliseconds
        let drawn = Digest.blake2b256(signedBytes(kind: "harness-beacon", body: height))
        let info = BlockInfo(
            height: height, timeMilliseconds: timeMilliseconds,
            beacon: beacon ?? drawn,
            proposer: proposer)
        let receipts = try state.execute(transactions, in: info).receipts
        try invariant(state)
        return receipts
    }

    /// Makes a block of one call and returns its receipt.
    @discardableResult
    public mutating func apply(
        _ module: String, _ action: ActionCall, from number: UInt64, payer: AccountID? = nil, feeLimit: Amount? = nil,
        afterMilliseconds: UInt64 = 1_000, beacon: Digest? = nil
    ) throws(Refusal) -> Receipt {
        let transaction = try call(module, action, from: number, payer: payer, feeLimit: feeLimit)
        let receipts = try block([transaction], afterMilliseconds: afterMilliseconds, beacon: beacon)
        guard let receipt = receipts.first else { throw Refusal(.malformed, "the block has no receipt") }
        return receipt
    }
}
