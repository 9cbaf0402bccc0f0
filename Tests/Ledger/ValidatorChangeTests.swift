import Ledger
import LedgerSupport
import Primitives
import Staking
import Storage
import TestSupport
import Testing

@Suite("Changes of validators") struct ValidatorChangeTests {
    @Test("a set that the state decides on at a height certifies from the second block after it on") func takesOver()
        throws
    {
        let chain = try StakedChain.changing(changes: 1)
        let decided = try #require(
            chain.blocks.first { block in
                block.receipts.contains { $0.events.contains { $0.kind == StakingEvent.validatorsChanged.rawValue } }
            })
        let height = decided.header.height
        let next = chain.blocks[Int(height)]
        let first = chain.blocks[Int(height) + 1]
        #expect(decided.header.nextValidatorSetDigest == chain.genesis.validators.digest)
        #expect(next.header.validatorSetDigest == chain.genesis.validators.digest)
        #expect(next.header.nextValidatorSetDigest == next.newValidators?.digest)
        #expect(first.header.validatorSetDigest == next.newValidators?.digest)
        #expect(first.certificate.signatures.count == 4 && next.certificate.signatures.count == 3)
        #expect(chain.kernel.head.validators == next.newValidators)
        #expect(chain.kernel.head.validators.power(of: LedgerHarness.key(3).publicKey) == 200_000_000)
        // The engine hears of it with the block that hands over, and of nothing with others.
        #expect(chain.log[height + 1] == .some(next.newValidators))
        #expect(chain.log[height] == .some(nil) && chain.log[height + 2] == .some(nil))
    }

    @Test("a genesis that names other validators than its founders make is refused") func genesisContradiction() throws
    {
        let genesis = try StakedChain.genesis(validators: ValidatorSet(solo: LedgerHarness.key(0).publicKey))
        #expect(throws: KernelError.self) { try StakedChain(genesis: genesis) }
    }

    @Test("a restart anywhere goes on with the right validators", arguments: [false, true])
    func restarts(_ snapshots: Bool) throws {
        let folder = try TemporaryFolder()
        let genesis = try StakedChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        var chain = try StakedChain(genesis: genesis, archive: archive)
        try chain.join(3)
        var handedOver = 0
        for _ in 0..<12 {
            if snapshots {
                try archive.takeSnapshot(
                    of: chain.kernel.committedState().store, height: chain.kernel.head.height)
            }
            var restored = try StakedChain(genesis: genesis, archive: archive, restores: true)
            #expect(restored.kernel.head == chain.kernel.head)
            try restored.blocks(1)
            if restored.blocks[0].newValidators != nil { handedOver += 1 }
            chain = restored
        }
        #expect(handedOver == 1)
        #expect(chain.kernel.head.validators.validators.count == 4)
        try archive.checkLastHeader(genesis: genesis)
    }

    @Test("a follower takes certified blocks across the change, and refuses one of the old validators after it")
    func follows() throws {
        let made = try StakedChain.changing()
        var follower = try StakedChain(genesis: made.genesis, follows: true)
        for block in made.exported {
            try follower.run(.finalBlock(try ExportedBlock.decode(block.encoded()), timeMilliseconds: 1))
        }
        #expect(follower.refusedBlocks.isEmpty && follower.kernel.head == made.kernel.head)
        #expect(made.handovers.count == 2)
        // The first block after the change, signed by the old validators.
        let change = try #require(made.handovers.first).certified.header.height
        var late = try StakedChain(genesis: made.genesis, follows: true)
        for block in made.exported.prefix(Int(change)) { try late.run(.finalBlock(block, timeMilliseconds: 1)) }
        let block = made.blocks[Int(change)]
        let vote = Vote(
            chain: made.genesis.chain, height: block.header.height, round: 0, step: .commit, headerID: block.headerID)
        let old = (UInt64(0)..<3).map {
            SignedBy(key: LedgerHarness.key($0).publicKey, signature: LedgerHarness.key($0).sign(vote.message))
        }
        let forged = CertifiedHeader(header: block.header, certificate: Certificate(round: 0, signatures: old))
        try late.run(
            .finalBlock(
                ExportedBlock(certified: forged, transactions: block.transactions.map(\.transaction.encoded)),
                timeMilliseconds: 1))
        #expect(late.refusedBlocks.map(\.code) == [.belowThreshold])
    }

    @Test("an exported block with validators that its header does not hand over to is none") func exportedLie() throws {
        let made = try StakedChain.changing(changes: 1)
        let change = try #require(made.blocks.first { $0.newValidators != nil })
        for (certified, set) in [
            (change.certifiedHeader, made.genesis.validators),
            (made.blocks[0].certifiedHeader, made.genesis.validators),
        ] {
            let lie = ExportedBlock(certified: certified, transactions: [], newValidators: set)
            #expect(throws: CBORError.self) { try ExportedBlock.decode(lie.encoded()) }
        }
    }

    // MARK: Trust

    @Test("handovers lead from the genesis to every header's validators, and nothing else does") func trust() throws {
        let made = try StakedChain.changing(changes: 3)
        let headers = made.blocks.map(\.certifiedHeader)
        var anchor = TrustAnchor(genesis: made.genesis)
        let first = try #require(made.handovers.first).certified.header.height
        for certified in headers {
            let isKnown = certified.header.height <= first
            #expect(anchor.isBehind(certified.header) == !isKnown)
            if isKnown {
                try anchor.verify(certified)
            } else {
                #expect(throws: TrustError.self) { try anchor.verify(certified) }
            }
        }
        // Out of order, or to validators that nobody named.
        var other = anchor
        #expect(throws: TrustError.self) { try other.take(made.handovers[1]) }
        let lie = Handover(certified: made.handovers[0].certified, validators: made.genesis.validators)
        #expect(throws: TrustError.self) { try other.take(lie) }
        try anchor.take(made.handovers)
        for certified in headers { try anchor.verify(certified) }
        // Again: what is believed stays so.
        try anchor.take(made.handovers)
        for certified in headers { try anchor.verify(certified) }
        #expect(anchor.validators == made.kernel.head.validators)
    }

    @Test("validators that have handed over certify nothing any more") func oldKeys() throws {
        let made = try StakedChain.changing(changes: 1)
        var anchor = TrustAnchor(genesis: made.genesis)
        try anchor.take(made.handovers)
        let last = try #require(made.blocks.last).header
        let forged = Header(
            chain: last.chain, height: last.height + 1, parent: last.id, timeMilliseconds: last.timeMilliseconds + 1,
            proposer: last.proposer, beaconProof: last.beaconProof, rulesVersion: 1, engine: last.engine,
            validatorSetDigest: made.genesis.validators.digest, nextValidatorSetDigest: made.genesis.validators.digest,
            stateRoot: .zero, transactionsRoot: .zero, receiptsRoot: .zero, historyRoot: .zero, historySize: 1)
        let vote = Vote(
            chain: last.chain, height: forged.height, round: 0, step: .commit, headerID: forged.id)
        let keys = (UInt64(0)..<3).map { LedgerHarness.key($0) }
        let certificate = Certificate(
            round: 0, signatures: keys.map { SignedBy(key: $0.publicKey, signature: $0.sign(vote.message)) })
        let certified = CertifiedHeader(header: forged, certificate: certificate)
        try TrustAnchor(genesis: made.genesis).verify(certified)
        let error = #expect(throws: TrustError.self) { try anchor.verify(certified) }
        #expect(error?.code == .wrongValidatorSet)
    }

    // MARK: Files

    @Test("files of blocks verify across the change, from the genesis and from the middle") func blockFiles() throws {
        let made = try StakedChain.changing()
        let whole = BlockFile.head(chain: made.genesis.chain, first: 1) + made.exported.flatMap { $0.encoded() }
        var verifier = BlockSequenceVerifier(genesis: made.genesis)
        try BlockFile.read(whole, chain: made.genesis.chain) { (block) throws(TrustError) in
            try verifier.verify(block)
        }
        #expect(verifier.blockCount == UInt64(made.blocks.count))
        let start = try #require(made.handovers.last).certified.header.height + 1
        let tail = made.exported.dropFirst(Int(start) - 1)
        for (handovers, holds) in [(made.handovers, true), ([], false), ([made.handovers[1]], false)] {
            let part =
                BlockFile.head(chain: made.genesis.chain, first: start, handovers: handovers)
                + tail.flatMap { $0.encoded() }
            var verifier = BlockSequenceVerifier(genesis: made.genesis)
            let read = Result {
                try BlockFile.read(
                    part, chain: made.genesis.chain,
                    lead: { (handovers) throws(TrustError) in try verifier.take(handovers) }
                ) { (block) throws(TrustError) in try verifier.verify(block) }
            }
            #expect(((try? read.get()) != nil) == holds)
        }
        // A file that leaves the new validators out ends where they begin.
        let bare = made.exported.map { ExportedBlock(certified: $0.certified, transactions: $0.transactions) }
        var headers = HeaderSequenceVerifier(genesis: made.genesis)
        #expect(throws: TrustError.self) { for block in bare { try headers.verify(block.certified) } }
    }

    @Test("a proof file brings the handovers that lead to its header") func proofFiles() throws {
        var made = try StakedChain.changing()
        let found = made.kernel.prove(Array("m/tokens/supply".utf8))
        let proof = try #require(found)
        let file = try LinkedProof.decode(LinkedProof(.state(proof), handovers: made.handovers).encoded())
        var anchor = TrustAnchor(genesis: made.genesis)
        #expect(throws: TrustError.self) { try proof.verify(anchor) }
        try anchor.take(file.handovers)
        _ = try proof.verify(anchor)
        let bare = try LinkedProof.decode(ProofFile.state(proof).encoded())
        #expect(bare.handovers.isEmpty && bare.header.height == made.kernel.head.height)
    }

    // MARK: The archive

    @Test("the archive gives handovers by height, exported blocks with their sets, and sets by digest") func archived()
        throws
    {
        let folder = try TemporaryFolder()
        let genesis = try StakedChain.genesis()
        let archive = try LedgerArchive.open(path: folder.path("l.db"), chain: genesis.chain)
        let made = try StakedChain.changing(archive: archive, genesis: genesis)
        #expect(try archive.handovers(from: 0, limit: 10, genesis: genesis) == made.handovers)
        #expect(try archive.handovers(from: 0, limit: 1, genesis: genesis) == Array(made.handovers.prefix(1)))
        let second = made.handovers[1].certified.header.height
        #expect(try archive.handovers(from: second, limit: 10, genesis: genesis) == [made.handovers[1]])
        #expect(try archive.handovers(from: second + 1, limit: 10, genesis: genesis).isEmpty)
        for block in made.exported {
            #expect(try archive.exportedBlock(height: block.certified.header.height) == block)
        }
        for set in [genesis.validators] + made.handovers.map(\.validators) {
            #expect(try archive.validators(set.digest, genesis: genesis) == set)
        }
        #expect(try archive.validators(.zero, genesis: genesis) == nil)
    }

    @Test("a node that joins by a snapshot goes on through changes before and after it") func snapshots() throws {
        let folder = try TemporaryFolder()
        let genesis = try StakedChain.genesis()
        let path = folder.path("l.db")
        let archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        var made = try StakedChain.changing(archive: archive, genesis: genesis, changes: 1)
        // Taken where the next set is decided on and certifies nothing yet.
        try made.join(4)
        var snapshot: UInt64 = 0
        for _ in 0..<8 {
            try made.blocks(1)
            let schedule = try made.kernel.committedState().validatorSchedule()
            if schedule?.height == made.kernel.head.height + 2 {
                snapshot = made.kernel.head.height
                try archive.takeSnapshot(of: made.kernel.committedState().store, height: snapshot)
            }
        }
        #expect(snapshot > 0)
        let source = try SnapshotSource(path: path, genesis: genesis)
        let manifest = try #require(try source.manifest(height: snapshot))
        try manifest.verify(chain: genesis.chain)
        // Headers lead from the genesis's validators to the snapshot's.
        let headers = try source.headers(from: 1, count: 100)
        var walk = try HeaderPath(from: headers[0].certified, validators: genesis.validators)
        for header in headers.dropFirst() { try walk.take(header) }
        #expect(walk.last.height == made.kernel.head.height)
        let target = folder.path("joined.db")
        let staging = try SnapshotStaging(target: target, chain: genesis.chain)
        for index in try staging.begin(manifest) {
            try staging.take(try #require(try source.chunk(manifest.chunks[index].root)), at: index, of: manifest)
        }
        try staging.install(manifest)
        let joined = try LedgerArchive.open(path: target, chain: genesis.chain)
        var node = try StakedChain(genesis: genesis, archive: joined, restores: true, follows: true)
        for block in made.exported.dropFirst(Int(snapshot)) {
            try node.run(.finalBlock(block, timeMilliseconds: 1))
        }
        #expect(node.refusedBlocks.isEmpty && node.kernel.head == made.kernel.head)
        #expect(try joined.handovers(from: snapshot, limit: 10, genesis: genesis) == [made.handovers[1]])
        #expect(throws: LedgerArchiveError.self) { try joined.handovers(from: 1, limit: 10, genesis: genesis) }
    }
}
