import Glibc
import Ledger
import LedgerSupport
import Primitives
import Storage
import Testing
import TestSupport
import Tokens

@Suite("Ledger on disk") struct ArchiveTests {
    static func fill(_ chain: inout TestChain, blocks: UInt64, from first: UInt64 = 0) throws {
        for sequence in first..<first + blocks {
            try chain.submit(try (1...4).map { try chain.transfer(from: $0, sequence: sequence, to: $0 % 4 + 1) })
        }
    }

    @Test("restart is equal to having never stopped", arguments: [false, true])
    func restart(withSnapshot: Bool) throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        var continuous = try TestChain(genesis: genesis)
        try Self.fill(&continuous, blocks: 40)
        do {
            let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
            var first = try TestChain(genesis: genesis, archive: archive)
            try Self.fill(&first, blocks: 20)
            if withSnapshot {
                let store = first.kernel.committedState().store
                try archive.takeSnapshot(of: store, height: first.kernel.head.height)
            }
            try Self.fill(&first, blocks: 5, from: 20)
        }
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        let restored = try #require(try archive.restore(genesis: genesis, rules: TestChain.rules))
        #expect(restored.snapshotHeight == (withSnapshot ? 20 : 0))
        var second = try TestChain(genesis: genesis, restoring: archive)
        try Self.fill(&second, blocks: 15, from: 25)
        #expect(second.kernel.head == continuous.kernel.head)
        #expect(second.kernel.history.root() == continuous.kernel.history.root())
    }

    @Test("a long log is read by several threads, from a snapshot and from the genesis", arguments: [false, true])
    func longRestart(withSnapshot: Bool) throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try TestChain(genesis: genesis, archive: archive)
        if withSnapshot { try archive.takeSnapshot(of: chain.kernel.committedState().store, height: 0) }
        try Self.fill(&chain, blocks: 260)
        let restored = try #require(try archive.restore(genesis: genesis, rules: TestChain.rules))
        let state = chain.kernel.committedState()
        #expect(restored.state.store.root() == state.store.root())
        #expect(restored.state.store.contentByteCount == state.store.contentByteCount)
        #expect(restored.head == chain.kernel.head)
        // What a restart has to replay counts towards the next snapshot.
        archive.snapshotPolicy.blockCount = 260
        #expect(archive.wantsSnapshot(stateByteCount: .max))
    }

    @Test("a transaction is found by slot and by id, and proven offline") func proofs() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try TestChain(genesis: genesis, archive: archive)
        try Self.fill(&chain, blocks: 150)
        let head = try #require(chain.kernel.head.certified)
        let anchor = TrustAnchor(genesis: genesis)
        for slot in [0, 1, 255, 256, 300, 511, 512, 599] as [UInt64] {
            let found = try archive.transaction(slot: slot)
            let block = chain.blocks[Int(slot / 4)]
            #expect(found.transaction.id == block.transactions[Int(slot % 4)].id)
            #expect(found.receipt == block.receipts[Int(slot % 4)])
            #expect(try archive.transaction(id: found.transaction.id)?.slot == slot)
            let proof = try archive.prove(slot: slot, history: chain.kernel.history, head: head)
            let file = ProofFile.transaction(proof).encoded()
            guard case .transaction(let read) = try ProofFile.decode(file) else {
                Issue.record("another kind of proof")
                return
            }
            let (transaction, receipt) = try read.verify(anchor)
            #expect(transaction.id == found.transaction.id && receipt.code == .ok)
        }
        #expect(throws: LedgerArchiveError.self) { try archive.transaction(slot: 600) }
        #expect(try archive.transaction(id: .zero) == nil)
    }

    @Test("every changed byte of a proof file is caught") func tamperedProofs() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try TestChain(genesis: genesis, archive: archive)
        try Self.fill(&chain, blocks: 3)
        let anchor = TrustAnchor(genesis: genesis)
        let head = try #require(chain.kernel.head.certified)
        let account = Account.path(LedgerHarness.account(1))
        let absent = Account.path(LedgerHarness.account(999))
        let found = chain.kernel.prove(account)
        let present = try #require(found)
        guard case .value(let leaf) = try present.verify(anchor) else {
            Issue.record("the account is not proven")
            return
        }
        let balance = try chain.kernel.committedState().balance(of: LedgerHarness.account(1))
        #expect(try Account.decode(leaf).balance == balance)
        let nothing = [chain.kernel.prove(absent), chain.kernel.prove(prefix: Array("m/none/".utf8))]
        for proof in nothing { #expect(try proof?.verify(anchor) == .absent) }
        let files: [ProofFile] = [
            .transaction(try archive.prove(slot: 7, history: chain.kernel.history, head: head)), .state(present),
        ]
        for file in files {
            let bytes = file.encoded()
            for index in bytes.indices {
                var tampered = bytes
                tampered[index] ^= 1
                guard let read = try? ProofFile.decode(tampered) else { continue }
                switch read {
                case .state(let proof):
                    // Another question may be asked of the same proof, but not answered otherwise.
                    if let answer = try? proof.verify(anchor) { #expect(answer == .absent, "byte \(index)") }
                case .transaction(let proof):
                    #expect(throws: TrustError.self, "byte \(index)") { try proof.verify(anchor) }
                }
            }
        }
        let other = TrustAnchor(chain: genesis.chain, validators: ValidatorSet(solo: LedgerHarness.key(5).publicKey))
        #expect(throws: TrustError.self) { try present.verify(other) }
    }

    @Test("events are read on from a cursor, by account and kind, across a restart") func events() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        var cursor: UInt64 = 0
        do {
            let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
            var chain = try TestChain(genesis: genesis, archive: archive)
            try Self.fill(&chain, blocks: 10)
            let page = try archive.events(after: 0, limit: 15)
            #expect(page.events.count == 15)
            cursor = page.next
        }
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        #expect(try archive.events(after: cursor).events.count == 25)
        #expect(try archive.events(after: 0, module: "tokens", kind: "transfer").events.count == 40)
        #expect(try archive.events(after: 0, account: LedgerHarness.account(1)).events.count == 20)
        #expect(try archive.events(after: 0, module: "tokens", kind: "burn").events.isEmpty)
    }

    @Test("a pruned slot answers with the first kept height") func pruned() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try TestChain(genesis: genesis, archive: archive)
        try Self.fill(&chain, blocks: 10)
        let store = chain.kernel.committedState().store
        try archive.takeSnapshot(of: store, height: 10)
        try archive.database.prune(below: 6)
        let error = #expect(throws: LedgerArchiveError.self) { try archive.transaction(slot: 3) }
        #expect(error?.description.contains("6") == true)
        #expect(try archive.certifiedHeader(height: 2).header == chain.blocks[1].header)
        #expect(try archive.restore(genesis: genesis, rules: TestChain.rules)?.head == chain.kernel.head)
    }

    @Test("pruning keeps what was asked for, and what a restart needs") func pruningKeepsARestart() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try TestChain(genesis: genesis, archive: archive)
        try Self.fill(&chain, blocks: 12)
        // Without a snapshot every block is needed.
        #expect(try archive.prune(keeping: 2, head: 12))
        #expect(try archive.database.firstKeptHeight() <= 1)
        try archive.takeSnapshot(of: chain.kernel.committedState().store, height: 12)
        try Self.fill(&chain, blocks: 8, from: 12)
        while try !archive.prune(keeping: 2, head: 20) {}
        #expect(try archive.database.firstKeptHeight() == 12)
        while try !archive.prune(keeping: 15, head: 20) {}
        #expect(try archive.database.firstKeptHeight() == 12)
        #expect(try archive.restore(genesis: genesis, rules: TestChain.rules)?.head == chain.kernel.head)
    }

    @Test("a change set that is not the certified one does not restore") func corruptChain() throws {
        let folder = try TemporaryFolder()
        let genesis = try TestChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try TestChain(genesis: genesis)
        try Self.fill(&chain, blocks: 3)
        for block in chain.blocks {
            let changes = block.header.height == 3 ? [] : block.changes
            try archive.append(
                CommittedBlock(
                    header: block.header, headerID: block.headerID, certificate: block.certificate,
                    transactions: block.transactions, receipts: block.receipts, changes: changes,
                    historyHashes: block.historyHashes, beacon: block.beacon))
        }
        #expect(throws: LedgerArchiveError.self) { try archive.restore(genesis: genesis, rules: TestChain.rules) }
    }
}
