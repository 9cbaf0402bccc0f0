import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

@Suite("Kernel: following another node's blocks") struct FollowingTests {
    /// A chain of blocks with a transfer each.
    private func chain(of count: UInt64) throws -> TestChain {
        var chain = try TestChain(genesis: try TestChain.genesis())
        for sequence in 0..<count { try chain.submit([try chain.transfer(from: 1, sequence: sequence)]) }
        return chain
    }

    private func exported(_ block: CommittedBlock, transactions: [[UInt8]]? = nil) -> ExportedBlock {
        ExportedBlock(
            certified: block.certifiedHeader,
            transactions: transactions ?? block.transactions.map(\.transaction.encoded))
    }

    private func give(_ block: ExportedBlock, to chain: inout TestChain) throws {
        try chain.run(.finalBlock(block, timeMilliseconds: chain.time))
    }

    @Test("takes final blocks in order, also with a clock that is far behind, and tells the engine") func follows()
        throws
    {
        let made = try chain(of: 3)
        var follower = try TestChain(genesis: made.genesis)
        follower.time = 1
        for block in made.blocks { try give(exported(block), to: &follower) }
        #expect(follower.blocks.map(\.headerID) == made.blocks.map(\.headerID))
        #expect(follower.refusedBlocks.isEmpty)
        #expect(follower.kernel.head == made.kernel.head)
        let balance = try follower.kernel.committedState().balance(of: LedgerHarness.account(2))
        #expect(balance == Amount(tokens: 1_003))
        // Again: what is here already is passed over.
        try give(exported(made.blocks[0]), to: &follower)
        #expect(follower.blocks.count == 3)
    }

    @Test("refuses a block out of order, of another chain, without a certificate, with other transactions")
    func refuses()
        throws
    {
        let made = try chain(of: 2)
        var follower = try TestChain(genesis: made.genesis)
        try give(exported(made.blocks[1]), to: &follower)
        let first = made.blocks[0]
        let bare = CertifiedHeader(header: first.header, certificate: Certificate(round: 0, signatures: []))
        try give(
            ExportedBlock(certified: bare, transactions: first.transactions.map(\.transaction.encoded)), to: &follower)
        try give(exported(first, transactions: []), to: &follower)
        try give(exported(first, transactions: made.blocks[1].transactions.map(\.transaction.encoded)), to: &follower)
        var tampered = first.transactions[0].transaction.encoded
        tampered[tampered.count - 1] ^= 1
        try give(exported(first, transactions: [tampered]), to: &follower)
        #expect(
            follower.refusedBlocks.map(\.code) == [.notInOrder, .belowThreshold, .divergent, .divergent, .divergent])
        #expect(follower.blocks.isEmpty)
        var other = try TestChain(genesis: try TestChain.genesis(accounts: 11))
        try give(exported(first), to: &other)
        #expect(other.refusedBlocks.map(\.code) == [.wrongChain])
        // None of this was in the way of the true ones.
        for block in made.blocks { try give(exported(block), to: &follower) }
        #expect(follower.kernel.head == made.kernel.head)
    }

    @Test("a block that the engine was making itself gives way to the certified one") func ownCandidateGivesWay() throws
    {
        let made = try chain(of: 1)
        var follower = try TestChain(genesis: made.genesis)
        // A step that is not run to its end leaves the follower's own candidate in the store.
        _ = follower.kernel.step(
            .transactions([try follower.transfer(from: 3, sequence: 0)], timeMilliseconds: follower.time))
        try give(exported(made.blocks[0]), to: &follower)
        #expect(follower.blocks.first?.headerID == made.blocks[0].headerID)
        // What it had put into its own block is in the next one.
        #expect(follower.blocks.map(\.header.height) == [1, 2])
        #expect(follower.blocks.last?.transactions.first?.body.account == LedgerHarness.account(3))
    }
}
