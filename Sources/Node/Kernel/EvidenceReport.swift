import Ledger
import Primitives
import Staking

/// The transaction with which a validator's node reports, under its own key, what its engine has found.
enum EvidenceReport {
    /// Apart from whatever else the key's account sends.
    static let lane: UInt8 = 15
    /// A report that no block has taken after so many heights is made again by whoever sees the votes.
    private static let validHeights: UInt64 = 10_000

    enum Obstacle: Error, CustomStringConvertible {
        case noStaking
        case cannotPay(AccountID)

        var description: String {
            switch self {
            case .noStaking: "the chain has no staking, and so no penalty"
            case .cannotPay(let account): "\(account) has not \(TransactionFees.agentLimit) tokens for the fee"
            }
        }
    }

    /// - Throws: `Obstacle`, or `Refusal` for a state that cannot be read.
    static func transaction(
        _ evidence: Evidence, key: SecretKey, _ kernel: inout Kernel
    ) throws -> VerifiedTransaction {
        let genesis = kernel.configuration.genesis
        guard genesis.sections[StakingPaths.module] != nil else { throw Obstacle.noStaking }
        let account = AccountID(key.publicKey)
        let known = try kernel.committedState().account(account)
        guard known.balance >= TransactionFees.agentLimit else { throw Obstacle.cannotPay(account) }
        let waiting = kernel.mempool.nextSequence(of: account, lane: lane) ?? 0
        let body = TransactionBody(
            chain: genesis.chain, account: account, lane: lane, sequence: max(known.sequences[lane], waiting),
            validUntilHeight: kernel.head.height + validHeights, feeLimit: TransactionFees.agentLimit,
            module: StakingPaths.module,
            call: ActionCall(StakingModule.Action.report.rawValue, ReportBody(evidence: evidence)))
        return try VerifiedTransaction(verifying: Transaction(body, signedBy: [key]))
    }
}
