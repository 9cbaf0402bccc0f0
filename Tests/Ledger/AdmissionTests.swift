import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

/// Who may fill the pool, and with what.
@Suite("What is taken in") struct AdmissionTests {
    private func paidBy(_ payer: AccountID, from: UInt64, signers: [UInt64], _ chain: TestChain) throws
        -> VerifiedTransaction
    {
        try VerifiedTransaction(
            verifying: Transaction(
                chain.body(from: from, sequence: 0, payer: payer), signedBy: signers.map { LedgerHarness.key($0) }))
    }

    @Test("a payer that has not signed keeps a transaction out of the pool") func payerConsents() throws {
        let chain = try TestChain(genesis: try TestChain.genesis())
        var kernel = chain.kernel
        let rich = LedgerHarness.account(1)
        // A key that nobody has seen before.
        let foreign = try paidBy(rich, from: 900, signers: [900], chain)
        let effects = kernel.step(.transactions([foreign], timeMilliseconds: chain.time))
        #expect(
            effects.contains {
                if case .rejected(_, let refusal) = $0 { refusal.code == .payerUnauthorised } else { false }
            })
        // Nobody speaks for an account that is derived from no module here.
        let nobodys = try paidBy(.derived(module: "none", id: [1]), from: 900, signers: [900], chain)
        _ = kernel.step(.transactions([nobodys], timeMilliseconds: chain.time))
        #expect(kernel.mempool.count == 0)
        var taking = try TestChain(genesis: chain.genesis)
        try taking.submit([try paidBy(rich, from: 900, signers: [900, 1], chain)])
        #expect(taking.refusals.isEmpty && taking.blocks.count == 1)
    }

    @Test("a fee limit near the end of the range is not replaced, and does not trap") func largestFee() throws {
        func transaction(_ fee: Amount) throws -> VerifiedTransaction {
            let body = TransactionBody(
                chain: LedgerHarness.chain, account: LedgerHarness.account(1), lane: 0, sequence: 0,
                validUntilHeight: 9, feeLimit: fee, module: "tokens",
                call: ActionCall("transfer", Transfer(to: LedgerHarness.account(9), amount: Amount(tokens: 1))))
            return try VerifiedTransaction(verifying: Transaction(body, signedBy: [LedgerHarness.key(1)]))
        }
        var pool = Mempool()
        try pool.insert(try transaction(Amount(baseUnits: .max - 5)), expected: 0)
        let refusal = #expect(throws: Refusal.self) { try pool.insert(try transaction(.maximum), expected: 0) }
        #expect(refusal?.code == .replacementUnderpriced && pool.count == 1)
    }

    @Test(
        "a genesis at the end of time is refused",
        arguments: [
            Genesis.latestMilliseconds + 1, 1 << 62, UInt64.max,
        ])
    func genesisTime(time: UInt64) throws {
        func genesis(_ time: UInt64) -> Genesis {
            Genesis(
                name: "late", timeMilliseconds: time, engine: "e",
                validators: ValidatorSet(solo: TestChain.validator.publicKey))
        }
        #expect(throws: CBORError.self) { try Genesis.decode(genesis(time).encoded()) }
        #expect(try Genesis.decode(genesis(Genesis.latestMilliseconds).encoded()).timeMilliseconds < time)
    }
}
