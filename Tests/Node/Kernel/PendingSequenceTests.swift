import Ledger
import LedgerSupport
import Primitives
import Testing
import TestSupport
import Tokens

@testable import Node

/// What a wallet builds its next transaction from.
@Suite struct PendingSequenceTests {
    @Test("the next sequence of a lane counts what waits in the pool, and what is committed")
    func pendingSequences() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestNode.genesis()
        let account = LedgerHarness.account(1)
        let kernel = try Kernel(
            Kernel.Configuration(
                genesis: genesis, rules: Rules([TokensModule()]), beaconSigner: VRFBeaconSigner(TestNode.validator)),
            engine: OneValidator(chain: genesis.chain, batch: 6))
        var host = KernelHost(
            kernel: kernel, archive: try LedgerArchive.open(path: folder.path("ledger.db"), chain: genesis.chain),
            key: TestNode.validator, signal: CommitSignal(), logger: TestNode.quiet)
        host.start()
        func next(_ lane: UInt8) throws -> UInt64? { try AccountView(account, &host).nextSequences[lane] }
        func transfer(_ sequence: UInt64, lane: UInt8 = 0) throws -> VerifiedTransaction {
            let body = TransactionBody(
                chain: genesis.chain, account: account, lane: lane, sequence: sequence, validUntilHeight: 1_000,
                feeLimit: Amount(baseUnits: 1_000_000_000_000_000), module: "tokens",
                call: ActionCall("transfer", Transfer(to: LedgerHarness.account(2), amount: Amount(tokens: 1))))
            return try VerifiedTransaction(verifying: Transaction(body, signedBy: [LedgerHarness.key(1)]))
        }

        #expect(try next(0) == nil)
        try host.admit((0..<3).map { try transfer($0) })
        try host.admit([try transfer(0, lane: 5)])
        #expect(host.kernel.head.height == 0 && host.kernel.mempool.count == 4)
        #expect(try next(0) == 3)
        #expect(try next(5) == 1)
        #expect(try next(1) == nil)
        // What the answer says can be sent, and is not refused for its sequence.
        try host.admit((3..<5).map { try transfer($0) })
        #expect(host.kernel.head.height == 1 && host.kernel.mempool.count == 0)
        #expect(try next(0) == 5)
        #expect(try next(5) == 1)
    }
}
