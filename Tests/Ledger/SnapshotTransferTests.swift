import Glibc
import Ledger
import LedgerSupport
import Primitives
import Storage
import TestSupport
import Testing
import Tokens

/// A snapshot of one node's archive becomes another node's, and that one goes on as if it had been there from the
/// beginning.
@Suite("Snapshots for other nodes") struct SnapshotTransferTests {
    struct Served {
        let folder: TemporaryFolder
        let genesis: Genesis
        let archive: LedgerArchive
        var chain: TestChain

        var path: String { folder.path("served.db") }
        func source() throws -> SnapshotSource { try SnapshotSource(path: path, genesis: genesis) }

        init(blocks: UInt64, snapshots: Set<UInt64>, accounts: UInt64 = 10) throws {
            folder = try TemporaryFolder()
            genesis = try TestChain.genesis(accounts: accounts)
            archive = try LedgerArchive.open(path: folder.path("served.db"), chain: genesis.chain)
            archive.snapshotPolicy.chunkByteCount = 256
            chain = try TestChain(genesis: genesis, archive: archive)
            for height in 1...blocks {
                try ArchiveTests.fill(&chain, blocks: 1, from: height - 1)
                if snapshots.contains(height) {
                    try archive.takeSnapshot(of: chain.kernel.committedState().store, height: height)
                }
            }
        }

        func block(_ height: UInt64) throws -> ExportedBlock { try archive.exportedBlock(height: height) }
    }

    /// Fetches all chunks and moves the database to its place.
    static func join(
        _ served: Served, _ height: UInt64, to path: String, from other: String? = nil
    ) throws -> SnapshotManifest {
        let source = try SnapshotSource(path: other ?? served.path, genesis: served.genesis)
        let manifest = try #require(try source.manifest(height: height))
        try manifest.verify(chain: served.genesis.chain)
        let staging = try SnapshotStaging(target: path, chain: served.genesis.chain)
        for index in try staging.begin(manifest) {
            let content = try #require(try source.chunk(manifest.chunks[index].root))
            try StateChunk.check(content, root: manifest.chunks[index].root)
            try staging.take(content, at: index, of: manifest)
        }
        try staging.install(manifest)
        return manifest
    }

    @Test("the other node follows, restarts and proves from there on; what is before, it says, is not there")
    func goesOn() throws {
        var served = try Served(blocks: 70, snapshots: [65])
        let path = served.folder.path("joined.db")
        let manifest = try Self.join(served, 65, to: path)
        #expect(try SnapshotManifest.decode(manifest.encoded()) == manifest)
        #expect(manifest.chunks.count > 3)
        do {
            let archive = try LedgerArchive.open(path: path, chain: served.genesis.chain)
            var joined = try TestChain(genesis: served.genesis, restoring: archive)
            #expect(joined.kernel.head.height == 65)
            for height in UInt64(66)...70 {
                try joined.run(.finalBlock(try served.block(height), timeMilliseconds: joined.time))
            }
            #expect(joined.refusedBlocks.isEmpty && joined.kernel.head == served.chain.kernel.head)
        }
        let archive = try LedgerArchive.open(path: path, chain: served.genesis.chain)
        let restored = try #require(try archive.restore(genesis: served.genesis, rules: TestChain.rules))
        #expect(restored.snapshotHeight == 65 && restored.head == served.chain.kernel.head)
        #expect(restored.state.store.root() == served.chain.kernel.committedState().store.root())
        try archive.database.checkIntegrity()
        // Numbers of events are those of the other node.
        #expect(try archive.database.lastSequence() == served.archive.database.lastSequence())
        let head = try #require(restored.head.certified)
        let anchor = TrustAnchor(genesis: served.genesis)
        for slot in [260, 263, 279] as [UInt64] {
            let proof = try archive.prove(slot: slot, history: restored.history, head: head)
            let other = try served.archive.prove(slot: slot, history: served.chain.kernel.history, head: head)
            #expect(proof == other)
            _ = try proof.verify(anchor)
            let found = try archive.transaction(id: try archive.transaction(slot: slot).transaction.id)
            #expect(found?.slot == slot)
        }
        // What is before the base.
        func pruned(_ body: () throws -> Void) -> UInt64? {
            do { try body() } catch LedgerArchiveError.storage(.pruned(let height, _)) { return height } catch {}
            return nil
        }
        #expect(pruned { _ = try archive.transaction(slot: 12) } == 66)
        #expect(pruned { _ = try archive.prove(slot: 259, history: restored.history, head: head) } == 66)
        #expect(pruned { _ = try archive.certifiedHeader(height: 64) } == 65)
        #expect(pruned { _ = try archive.exportedBlock(height: 65) } == 66)
        #expect(pruned { _ = try archive.exportedBlock(height: 3) } == 65)
        #expect(pruned { _ = try archive.events(after: 0) } == 66)
        #expect(
            pruned { _ = try SnapshotSource(path: path, genesis: served.genesis).headers(from: 64, count: 2) } == 65)
        #expect(throws: LedgerArchiveError.self) { try archive.transaction(slot: 99_999) }
        #expect(try archive.certifiedHeader(height: 65).header.id == manifest.certified.header.id)
        // It makes snapshots of its own, prunes, and gives the next node all that it needs.
        try archive.takeSnapshot(of: restored.state.store, height: 70)
        try archive.prune(keeping: 1, head: 70)
        let third = served.folder.path("third.db")
        _ = try Self.join(served, 70, to: third, from: path)
        let last = try LedgerArchive.open(path: third, chain: served.genesis.chain)
        #expect(try last.restore(genesis: served.genesis, rules: TestChain.rules)?.head == restored.head)
    }

    @Test("what was fetched stays over restarts and newer snapshots, and a crash leaves nothing or the whole")
    func resumes() throws {
        let served = try Served(blocks: 12, snapshots: [8, 12], accounts: 60)
        let path = served.folder.path("joined.db")
        let source = try served.source()
        let first = try #require(try source.manifest(height: 8))
        do {
            let staging = try SnapshotStaging(target: path, chain: served.genesis.chain)
            let missing = try staging.begin(first)
            #expect(missing.count == first.chunks.count)
            for index in missing.dropFirst() {
                try staging.take(
                    try #require(try source.chunk(first.chunks[index].root)), at: index, of: first)
            }
            // Not whole: nothing is installed.
            #expect(throws: LedgerArchiveError.self) { try staging.install(first) }
            #expect(throws: LedgerArchiveError.self) { try staging.take([], at: 10_000, of: first) }
            #expect(access(path, F_OK) != 0)
        }
        let second = try #require(try source.manifest(height: 12))
        let shared = Set(first.chunks.dropFirst().map(\.root)).intersection(second.chunks.map(\.root))
        #expect(!shared.isEmpty)
        do {
            let staging = try SnapshotStaging(target: path, chain: served.genesis.chain)
            let missing = try staging.begin(second)
            #expect(missing.count == second.chunks.count { !shared.contains($0.root) })
        }
        _ = try Self.join(served, 12, to: path)
        #expect(access("\(path).joining", F_OK) != 0 && access("\(path).joining-wal", F_OK) != 0)
        let archive = try LedgerArchive.open(path: path, chain: served.genesis.chain)
        #expect(try archive.restore(genesis: served.genesis, rules: TestChain.rules)?.head.height == 12)
        #expect(try archive.database.snapshotHeights() == [12])
        // A ledger that stands is not written over.
        let staging = try SnapshotStaging(target: path, chain: served.genesis.chain)
        _ = try staging.begin(second)
        for chunk in second.chunks.enumerated() {
            try staging.take(try #require(try source.chunk(chunk.element.root)), at: chunk.offset, of: second)
        }
        #expect(throws: LedgerArchiveError.self) { try staging.install(second) }
    }

    @Test("a life that ended between the last write and the rename costs nothing but the rename") func lastInstant()
        throws
    {
        let served = try Served(blocks: 5, snapshots: [3, 5])
        let path = served.folder.path("joined.db")
        _ = try Self.join(served, 3, to: path)
        // As it was an instant before.
        #expect(rename(path, "\(path).joining") == 0)
        let manifest = try Self.join(served, 5, to: path)
        let archive = try LedgerArchive.open(path: path, chain: served.genesis.chain)
        #expect(try archive.restore(genesis: served.genesis, rules: TestChain.rules)?.head.height == manifest.height)
    }

    @Test("a manifest that says anything but the truth is refused") func lies() throws {
        let served = try Served(blocks: 6, snapshots: [6])
        let good = try #require(try served.source().manifest(height: 6))
        try good.verify(chain: served.genesis.chain)
        let other = try Served(blocks: 6, snapshots: [6], accounts: 11)
        let foreign = try #require(try other.source().manifest(height: 6))
        #expect(throws: TrustError.self) { try foreign.verify(chain: served.genesis.chain) }
        let bare = CertifiedHeader(
            header: good.certified.header, certificate: Certificate(round: 0, signatures: []))
        let strangers = ValidatorSet(solo: LedgerHarness.key(5).publicKey)
        func code(
            certified: CertifiedHeader? = nil, validators: ValidatorSet? = nil, next: ValidatorSet? = nil,
            history: HistoryTail? = nil, chunks: [SnapshotManifest.Chunk]? = nil
        ) -> TrustError.Code? {
            let lie = SnapshotManifest(
                certified: certified ?? good.certified, validators: validators ?? good.validators,
                nextValidators: next ?? good.nextValidators, history: history ?? good.history,
                nextEventSequence: good.nextEventSequence, chunks: chunks ?? good.chunks)
            do throws(TrustError) { try lie.verify(chain: served.genesis.chain) } catch { return error.code }
            return nil
        }
        #expect(code(certified: bare) == .belowThreshold)
        #expect(code(validators: strangers) == .wrongValidatorSet)
        #expect(code(next: strangers) == .wrongValidatorSet)
        #expect(code(history: HistoryTail(size: 0) { _, _, _ in nil }) == .wrongHistory)
        #expect(code(chunks: Array(good.chunks.dropLast())) == .wrongStateRoot)
        #expect(code(chunks: foreign.chunks) == .wrongStateRoot)
        #expect(code() == nil)
        var bytes = good.encoded()
        bytes.removeLast()
        #expect(throws: CBORError.self) { try SnapshotManifest.decode(bytes) }
    }

    @Test("headers lead from one to another; a gap, a stranger's signature or another chain's header does not")
    func headerPath() throws {
        let served = try Served(blocks: 6, snapshots: [])
        let headers = try served.source().headers(from: 2, count: 10)
        #expect(headers.count == 5)
        #expect(headers.map { $0.validators == nil } == [false, true, true, true, true])
        var path = try HeaderPath(from: headers[0].certified, validators: served.genesis.validators)
        #expect(throws: TrustError.self) { try path.take(headers[2]) }
        for header in headers.dropFirst() { try path.take(header) }
        #expect(path.last == served.chain.kernel.head.certified?.header)
        let other = try Served(blocks: 3, snapshots: [], accounts: 12)
        var lost = try HeaderPath(from: headers[0].certified, validators: served.genesis.validators)
        #expect(throws: TrustError.self) { try lost.take(try other.source().headers(from: 3, count: 1)[0]) }
        let bare = LinkedHeader(
            CertifiedHeader(
                header: headers[1].certified.header, certificate: Certificate(round: 0, signatures: [])),
            validators: nil)
        #expect(throws: TrustError.self) { try lost.take(bare) }
        let strangers = ValidatorSet(solo: LedgerHarness.key(5).publicKey)
        #expect(throws: TrustError.self) { try lost.take(LinkedHeader(headers[1].certified, validators: strangers)) }
        #expect(throws: TrustError.self) { try HeaderPath(from: headers[0].certified, validators: strangers) }
        #expect(try served.source().headers(from: 7, count: 3).isEmpty)
    }

    @Test("a checkpoint is read as it is written, and finds another block of its height") func checkpoint() throws {
        let served = try Served(blocks: 2, snapshots: [])
        let header = try served.archive.certifiedHeader(height: 2).header
        let checkpoint = try #require(Checkpoint(text: "2:\(header.id.hex)"))
        #expect("\(checkpoint)" == "2:\(header.id.hex)")
        try checkpoint.check(header)
        try checkpoint.check(try served.archive.certifiedHeader(height: 1).header)
        let wrong = try #require(Checkpoint(text: "1:\(header.id.hex)"))
        let error = #expect(throws: TrustError.self) {
            try wrong.check(try served.archive.certifiedHeader(height: 1).header)
        }
        #expect(error?.code == .wrongCheckpoint)
        let id = header.id.hex
        for text in ["", "2", "2:", ":ab", "0:\(id)", "02:\(id)", "-1:\(id)", "2:\(id):", "2:zz"] {
            #expect(Checkpoint(text: text) == nil, "\(text)")
        }
    }
}
