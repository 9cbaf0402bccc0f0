import Ledger
import Primitives
import Testing

@Suite("Exported blocks") struct BlockFileTests {
    private func chain(blocks: UInt64 = 6) throws -> (Genesis, [ExportedBlock]) {
        let genesis = try TestChain.genesis()
        var chain = try TestChain(genesis: genesis)
        try ArchiveTests.fill(&chain, blocks: blocks)
        return (
            genesis,
            chain.blocks.map {
                ExportedBlock(
                    certified: $0.certifiedHeader, transactions: $0.transactions.map(\.transaction.encoded))
            }
        )
    }

    private func file(_ blocks: some Sequence<ExportedBlock>, _ chain: CID, first: UInt64 = 1) -> [UInt8] {
        BlockFile.head(chain: chain, first: first) + blocks.flatMap { $0.encoded() }
    }

    private func verify(_ bytes: [UInt8], _ genesis: Genesis) throws(TrustError) -> BlockSequenceVerifier {
        var verifier = BlockSequenceVerifier(genesis: genesis)
        try BlockFile.read(bytes, chain: genesis.chain) { (block) throws(TrustError) in try verifier.verify(block) }
        return verifier
    }

    @Test("a file of the whole chain, or of its end, holds against the genesis alone") func holds() throws {
        let (genesis, blocks) = try chain()
        let whole = try verify(file(blocks, genesis.chain), genesis)
        #expect(whole.blockCount == 6 && whole.transactionCount == 24)
        let end = try verify(file(blocks[3...], genesis.chain, first: 4), genesis)
        #expect(end.blockCount == 3 && end.transactionCount == 12)
        #expect(try verify(file([], genesis.chain), genesis).blockCount == 0)
    }

    @Test("headers follow the genesis and one another") func headers() throws {
        let (genesis, blocks) = try chain()
        var verifier = HeaderSequenceVerifier(genesis: genesis)
        for block in blocks { try verifier.verify(block.certified) }
        #expect(verifier.count == 6 && verifier.previous?.height == 6)
        func refuses(_ block: CertifiedHeader, after earlier: [ExportedBlock] = []) throws {
            var verifier = HeaderSequenceVerifier(genesis: genesis)
            for block in earlier { try verifier.verify(block.certified) }
            #expect(throws: TrustError.self) { try verifier.verify(block) }
        }
        // Certified, and of another chain's past: its parent is not the genesis, or its time not after it.
        let first = blocks[0].certified.header
        for (parent, time) in [
            (Digest.blake2b256([1]), first.timeMilliseconds), (first.parent, genesis.timeMilliseconds),
            (first.parent, 0),
        ] {
            let header = Header(
                chain: first.chain, height: 1, parent: parent, timeMilliseconds: time, proposer: first.proposer,
                beaconProof: first.beaconProof, rulesVersion: first.rulesVersion, engine: first.engine,
                validatorSetDigest: first.validatorSetDigest, nextValidatorSetDigest: first.nextValidatorSetDigest,
                stateRoot: first.stateRoot, transactionsRoot: first.transactionsRoot,
                receiptsRoot: first.receiptsRoot, historyRoot: first.historyRoot, historySize: first.historySize)
            let vote = Vote(chain: header.chain, height: 1, round: 0, step: .commit, headerID: header.id)
            let key = TestChain.validator
            let signature = SignedBy(key: key.publicKey, signature: key.sign(vote.message))
            try refuses(CertifiedHeader(header: header, certificate: Certificate(round: 0, signatures: [signature])))
        }
        try refuses(blocks[2].certified, after: [blocks[0]])
        try refuses(blocks[0].certified, after: Array(blocks[0...1]))
    }

    @Test("whatever is left out, exchanged or changed is found") func tampered() throws {
        let (genesis, blocks) = try chain()
        func code(_ bytes: [UInt8], of other: Genesis? = nil) -> TrustError.Code? {
            do throws(TrustError) {
                _ = try verify(bytes, other ?? genesis)
                return nil
            } catch { return error.code }
        }
        func replacing(_ index: Int, _ transactions: [[UInt8]]) -> [UInt8] {
            var changed = blocks
            changed[index] = ExportedBlock(certified: blocks[index].certified, transactions: transactions)
            return file(changed, genesis.chain)
        }
        #expect(code(replacing(2, Array(blocks[2].transactions.dropLast()))) == .wrongHistory)
        #expect(code(replacing(2, blocks[2].transactions.reversed())) == .wrongHistory)
        #expect(code(replacing(2, blocks[1].transactions)) == .wrongHistory)
        #expect(code(file([blocks[0], blocks[2]], genesis.chain)) == .malformed)
        #expect(code(file([blocks[1]], genesis.chain)) == .malformed)
        // A signature is outside the transaction's id: it is checked for itself.
        var forged = blocks[1].transactions
        forged[0][forged[0].count - 1] ^= 1
        #expect(code(replacing(1, forged)) == .malformed)
        #expect(code(file(blocks, genesis.chain), of: try TestChain.genesis(accounts: 11)) == .wrongChain)
        let bytes = file(blocks, genesis.chain)
        var random = SeededRandom(state: 5)
        for _ in 0..<400 {
            var changed = bytes
            changed[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            #expect(code(changed) != nil)
        }
        for end in stride(from: bytes.count - 1, to: bytes.count - 400, by: -7) {
            #expect(code(Array(bytes[..<end])) == .malformed)
        }
    }
}
