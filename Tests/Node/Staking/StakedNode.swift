import Ledger
import LedgerSupport
import Primitives
import Staking
import TestSupport
import Testing
import Tokens

@testable import Node

/// A node whose chain has one seat, an epoch of a millisecond and staking: each delegation changes the power of the
/// only validator, and so the set.
struct StakedNode {
    let node: TestNode
    private var sequence: UInt64 = 0

    static func genesis() throws -> Genesis {
        var parameters = StakingParameters()
        parameters.epochMilliseconds = 1
        parameters.dayMilliseconds = 1_000
        parameters.absenceProposals = 0
        let founder = Founder(
            operatorAccount: LedgerHarness.account(1), key: TestNode.validator.publicKey,
            stake: Amount(tokens: 100_000))
        let staking = StakingGenesis(parameters: parameters, founders: [founder])
        let allocations = (1...10).map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000)) }
        return Genesis(
            name: "staked", timeMilliseconds: 1_700_000_000_000, engine: "one-validator",
            validators: try #require(staking.validators()), parameters: LedgerParameters(validatorLimit: 1),
            sections: CBORMap([
                (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
                (key: "staking", value: try staking.section()),
            ]))
    }

    init(
        in folder: String, configuration: String, engine: (@Sendable (CID) -> any ConsensusEngine)? = nil
    ) async throws {
        node = try await TestNode(
            in: folder, genesis: try Self.genesis(), configuration: configuration, engine: engine)
    }

    /// A block that delegates a thousand tokens: a set of more power certifies from the second block after it on.
    mutating func delegate() async throws {
        let body = DelegateBody(validator: LedgerHarness.account(1), amount: Amount(tokens: 1_000), term: .month)
        let transaction = Transaction(
            TransactionBody(
                chain: node.genesis.chain, account: LedgerHarness.account(3), lane: 0, sequence: sequence,
                validUntilHeight: 1_000, payer: nil, feeLimit: Amount(tokens: 1), module: "staking",
                call: ActionCall("delegate", body)), signedBy: [LedgerHarness.key(3)])
        sequence += 1
        let outcome = try await node.runtime.submit(transaction.encoded)
        let receipt = try await node.runtime.receipt(of: outcome.id, waitingAtMost: .seconds(10))
        #expect(receipt?.resultCode == 0)
    }

    mutating func delegate(times count: Int) async throws {
        for _ in 0..<count { try await delegate() }
    }
}
