import Ledger
import LedgerSupport
import Node
import PeerNetwork
import Primitives

/// What peers send when a node joins from a snapshot, and what a backup's index says.
extension FuzzGroups {
    static let snapshotRequest = FuzzTarget.record(
        SnapshotRequest.self, seeds: [.offers, .manifest(height: 300), .chunk(root: .blake2b256([1]))])

    static let linkedHeader = FuzzTarget.record(
        LinkedHeader.self,
        seeds: [
            LinkedHeader(
                CertifiedHeader(header: RecordPool.header, certificate: RecordPool.certificate),
                validators: RecordPool.genesis.validators)
        ])

    static let snapshotOffers = FuzzTarget(
        "snapshot offers",
        seeds: {
            var encoder = CBOREncoder()
            encoder.list([SnapshotOffer(height: 9, manifestDigest: .blake2b256([2]), chunkCount: 4)])
            return [encoder.finish(), [0x80]]
        },
        run: { bytes throws(FuzzFinding) in
            guard let offers = try? SnapshotOffer.decodeList(bytes) else { return }
            guard offers.count <= 8 else { throw FuzzFinding("\(offers.count) offers") }
        })

    /// A manifest of the tree that the pool has, under a header that nobody signed for it: none may be believed.
    static let snapshotManifest = FuzzTarget(
        "snapshot manifest",
        seeds: {
            let chunks = makeTree().chunks(maximumByteCount: 20).map {
                SnapshotManifest.Chunk(root: $0.root, firstPath: $0.firstPath)
            }
            guard let history = HistoryTail(size: 3, read: { _, _, count in Array(repeating: .zero, count: count) })
            else { return [] }
            return [
                SnapshotManifest(
                    certified: CertifiedHeader(header: RecordPool.header, certificate: RecordPool.certificate),
                    validators: RecordPool.genesis.validators, nextValidators: RecordPool.genesis.validators,
                    history: history, nextEventSequence: 7, chunks: chunks
                ).encoded()
            ]
        },
        run: { bytes throws(FuzzFinding) in
            guard let manifest = try? SnapshotManifest.decode(bytes) else { return }
            guard manifest.encoded() == bytes else { throw FuzzFinding("decodes, and encodes to other bytes") }
            let parts = manifest.chunks.map { StateOutline.Part(root: $0.root, firstPath: $0.firstPath) }
            let root = try? StateOutline.root(of: parts)
            do throws(TrustError) { try manifest.verify(chain: RecordPool.genesis.chain) } catch { return }
            guard root == manifest.certified.header.stateRoot else {
                throw FuzzFinding("a state that nobody certified")
            }
        })

    static let stateChunk = FuzzTarget(
        "chunk by its root",
        seeds: {
            let tree = makeTree()
            return tree.chunks(maximumByteCount: 20).compactMap { tree.content(of: $0) }
        },
        run: { bytes throws(FuzzFinding) in
            let tree = makeTree()
            for chunk in tree.chunks(maximumByteCount: 20) {
                do throws(StateProofError) { try StateChunk.check(bytes, root: chunk.root) } catch { continue }
                guard tree.content(of: chunk) == bytes else { throw FuzzFinding("other bytes pass for a chunk") }
            }
        })

    static let backupIndex = FuzzTarget.record(
        BackupIndex.self,
        seeds: [
            BackupIndex(
                chain: RecordPool.genesis.chain, height: 5, madeMilliseconds: 1_700_000_000_000,
                entries: [
                    .init(
                        name: "ledger.sqlite", offset: 18, byteCount: 4_096, digest: .blake2b256([1]), isSecret: false),
                    .init(
                        name: "keys/node.key", offset: 4_114, byteCount: 64, digest: .blake2b256([2]), isSecret: true),
                ])
        ])

    // MARK: Between validators

    static let consensusMessage = FuzzTarget.record(
        ConsensusMessage.self,
        seeds: [
            ConsensusMessage(attachment: RecordPool.block, votes: [consensusVote], payload: [1]),
            ConsensusMessage(attachment: nil, votes: [], payload: []),
        ])

    static let consensusHello = FuzzTarget.record(
        ConsensusHello.self,
        seeds: [
            ConsensusHello(
                signedBy: RecordPool.validator, chain: RecordPool.genesis.chain,
                from: PeerID(RecordPool.validator.publicKey), to: PeerID(LedgerHarness.key(1).publicKey))
        ])

    private static let consensusVote = CastVote(
        vote: RecordPool.vote,
        by: SignedBy(
            key: RecordPool.validator.publicKey, signature: RecordPool.validator.sign(RecordPool.vote.message)))
}
