import Ledger
import Primitives
import TestSupport
import Testing
import Tokens

@testable import Storage

/// A restart finds its way past what is damaged, and executes the genesis once in a database's life.
@Suite("Restart from damaged snapshots") struct RestoreTests {
    private func filled(
        _ folder: TemporaryFolder, _ genesis: Genesis, snapshots: [UInt64]
    ) throws -> (LedgerArchive, TestChain) {
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        // Small chunks: those that have not changed are shared.
        archive.snapshotPolicy.chunkByteCount = 256
        var chain = try TestChain(genesis: genesis, archive: archive)
        for height in UInt64(1)...8 {
            try ArchiveTests.fill(&chain, blocks: 1, from: height - 1)
            if snapshots.contains(height) {
                try archive.takeSnapshot(of: chain.kernel.committedState().store, height: height)
            }
        }
        return (archive, chain)
    }

    /// The chunks that the newest snapshot does not share with the one before.
    private func damageNewest(_ archive: LedgerArchive) throws {
        try archive.database.connection.execute(
            """
            UPDATE chunks SET content = zeroblob(length(content)) WHERE digest IN (
                SELECT digest FROM snapshot_chunks GROUP BY digest HAVING min(height) =
                    (SELECT max(height) FROM snapshots))
            """)
    }

    @Test("the snapshot before a damaged one takes its place, and the damaged one is gone") func secondSnapshot() throws
    {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        var (archive, chain) = try filled(folder, genesis, snapshots: [3, 6])
        try damageNewest(archive)
        let restored = try #require(try archive.restore(genesis: genesis, rules: TestChain.rules))
        #expect(restored.snapshotHeight == 3 && restored.head == chain.kernel.head)
        #expect(restored.state.store.root() == chain.kernel.committedState().store.root())
        #expect(try archive.database.snapshotHeights() == [3])
        // The next snapshot takes over no chunk that is damaged.
        try archive.takeSnapshot(of: restored.state.store, height: 8)
        #expect(try archive.restore(genesis: genesis, rules: TestChain.rules)?.snapshotHeight == 8)
    }

    @Test("with every snapshot damaged nothing is guessed, and nothing deleted") func noSnapshot() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let (archive, _) = try filled(folder, genesis, snapshots: [3, 6])
        try archive.database.connection.execute("UPDATE chunks SET content = zeroblob(length(content))")
        #expect(throws: LedgerArchiveError.self) { try archive.restore(genesis: genesis, rules: TestChain.rules) }
        #expect(try archive.database.snapshotHeights() == [6, 3])
    }

    @Test(
        "a database without blocks gives the state that it was made with, whatever the program's rules make of it now")
    func genesisOnce() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        let store = MemoryStateStore()
        try LedgerState.makeGenesis(genesis, rules: TestChain.rules, store: store)
        try archive.takeSnapshot(of: store, height: 0)
        // Without its module the genesis would execute to another state.
        let restored = try #require(try archive.restore(genesis: genesis, rules: Rules([])))
        #expect(restored.state.store.root() == store.root() && restored.head.height == 0)
        #expect(restored.head == ChainHead(genesis: genesis) && restored.history.size == 0)
        try archive.database.connection.execute("UPDATE chunks SET content = zeroblob(length(content))")
        #expect(throws: LedgerArchiveError.self) { try archive.restore(genesis: genesis, rules: TestChain.rules) }
    }
}
