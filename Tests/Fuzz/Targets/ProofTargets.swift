import Ledger
import Primitives

extension FuzzGroups {
    /// What is believed only after a check: nothing that was changed may be believed.
    package static let proofs = FuzzGroup(
        "proofs", "state proofs, proof and block files, Merkle proofs, chunks of snapshots, trees under random changes",
        lengthLimit: 8_192, targets: [stateProof, proofFile, inclusion, chunk, tree, vrf, blockFile])

    /// The answers that the tree really gives.
    private static func isTrue(_ answer: StateProof.Answer, to question: StateProof.Question) -> Bool {
        let tree = makeTree()
        switch (question, answer) {
        case (.path(let path), .value(let value)): return tree.get(path) == value
        case (.path(let path), .absent): return tree.get(path) == nil
        case (.prefix(let prefix), .entries(let entries)):
            return tree.scan(prefix: prefix, from: [], limit: .max) == entries
        case (.prefix(let prefix), .absent): return tree.scan(prefix: prefix, from: [], limit: 1).isEmpty
        default: return false
        }
    }

    static func makeTree() -> StateTree {
        let tree = StateTree()
        for (index, path) in ["a", "ab", "abc", "b", "m/x/1", "m/x/2", "m/y"].enumerated() {
            try? tree.put(Array(path.utf8), [UInt8](repeating: UInt8(index), count: index * 7))
        }
        return tree
    }

    static func realProofs() -> [StateProof] {
        let tree = makeTree()
        return ["a", "ab", "c", "m/x/3", ""].map { tree.prove(Array($0.utf8)) }
            + ["m/", "m/x/", "z", "", "abcd"].map { tree.prove(prefix: Array($0.utf8)) }
    }

    private static let stateProof = FuzzTarget(
        "state proof", seeds: { realProofs().map { $0.encoded() } },
        run: { bytes throws(FuzzFinding) in
            guard let proof = try? StateProof.decode(bytes) else { return }
            guard proof.encoded() == bytes else { throw FuzzFinding("decodes, and encodes to other bytes") }
            guard let answer = try? proof.verify(root: makeTree().root()) else { return }
            guard isTrue(answer, to: proof.question) else {
                throw FuzzFinding("proves \(answer) for \(proof.question), which is not so")
            }
        })

    private static let blockFile = FuzzTarget(
        "block file",
        seeds: {
            let certified = CertifiedHeader(header: RecordPool.header, certificate: RecordPool.certificate)
            let block = ExportedBlock(certified: certified, transactions: [RecordPool.transaction.encoded])
            let (chain, height) = (RecordPool.genesis.chain, RecordPool.header.height)
            let head = BlockFile.head(chain: chain, first: height)
            let led = BlockFile.head(chain: chain, first: height, handovers: [handover])
            return [head, head + block.encoded(), led + block.encoded()]
        },
        run: { bytes throws(FuzzFinding) in
            var verifier = BlockSequenceVerifier(genesis: RecordPool.genesis)
            var blocks: [ExportedBlock] = []
            var handovers: [Handover] = []
            let isRead =
                (try? BlockFile.read(
                    bytes, chain: RecordPool.genesis.chain,
                    lead: { (found) throws(TrustError) in
                        handovers = found
                        try? verifier.take(found)
                    }
                ) { block throws(TrustError) in
                    blocks.append(block)
                    try? verifier.verify(block)
                }) != nil
            guard isRead, let first = blocks.first else { return }
            let head = BlockFile.head(
                chain: RecordPool.genesis.chain, first: first.certified.header.height, handovers: handovers)
            guard head + blocks.flatMap({ $0.encoded() }) == bytes else {
                throw FuzzFinding("decodes, and encodes to other bytes")
            }
        })

    /// To the same validators, since nobody else is in the pool.
    static let handover = Handover(
        certified: CertifiedHeader(header: RecordPool.header, certificate: RecordPool.certificate),
        validators: RecordPool.genesis.validators)

    static func proofFiles() throws -> [ProofFile] {
        let tree = makeTree()
        let header = RecordPool.header(stateRoot: tree.root())
        let certified = CertifiedHeader(header: header, certificate: RecordPool.certificate(of: header))
        let path = try RecordPool.history.path(to: 1) { level, _, count in
            // Three leaves: what is asked for is among them.
            let leaf = BLAKE2bMerkleHash.leaf(RecordPool.transaction.id.bytes)
            return level == 0 ? [Digest](repeating: leaf, count: count) : nil
        }
        return realProofs().prefix(2).map { .state(CertifiedStateProof(certified: certified, proof: $0)) } + [
            .transaction(
                TransactionProof(
                    slot: 1, transaction: RecordPool.transaction.encoded, historyPath: path, certified: certified,
                    block: certified, receipt: RecordPool.receipts[0], receiptIndex: 1, receiptCount: 3,
                    receiptPath: path))
        ]
    }

    private static let proofFile = FuzzTarget(
        "proof file",
        seeds: {
            let files = try proofFiles()
            return files.map { $0.encoded() } + files.map { LinkedProof($0, handovers: [handover]).encoded() }
        },
        run: { bytes throws(FuzzFinding) in
            guard let file = try? LinkedProof.decode(bytes) else { return }
            guard file.encoded() == bytes else { throw FuzzFinding("decodes, and encodes to other bytes") }
            var anchor = TrustAnchor(genesis: RecordPool.genesis)
            try? anchor.take(file.handovers)
            switch file.proof {
            case .state(let proof):
                guard let answer = try? proof.verify(anchor) else { return }
                guard isTrue(answer, to: proof.proof.question) else {
                    throw FuzzFinding("a file proves \(answer) for \(proof.proof.question), which is not so")
                }
            case .transaction(let proof):
                guard let (transaction, _) = try? proof.verify(anchor) else { return }
                guard transaction.id == RecordPool.transaction.id else {
                    throw FuzzFinding("a file proves transaction \(transaction.id), which is in no block")
                }
            }
        })

    private static let inclusion = FuzzTarget(
        "Merkle proofs",
        seeds: {
            let leaves = (0..<7).map { BLAKE2bMerkleHash.leaf([UInt8($0)]) }
            let prover = MerkleVectorProver<BLAKE2bMerkleHash>(leafDigests: leaves)
            return [
                try prover.inclusion(of: 5, count: 7).encoded(), try prover.consistency(from: 3, to: 7).encoded(),
            ]
        },
        run: { bytes throws(FuzzFinding) in
            if let proof = try? MerkleInclusionProof.decode(bytes), proof.encoded() != bytes {
                throw FuzzFinding("an inclusion proof encodes to other bytes")
            }
            if let proof = try? MerkleConsistencyProof.decode(bytes), proof.encoded() != bytes {
                throw FuzzFinding("a consistency proof encodes to other bytes")
            }
            if let vector = try? HistoryVector.decode(bytes), vector.encoded() != bytes {
                throw FuzzFinding("a vector's frontier encodes to other bytes")
            }
        })

    private static let chunk = FuzzTarget(
        "snapshot chunk",
        seeds: {
            let tree = makeTree()
            return tree.chunks(maximumByteCount: 64).compactMap { chunk in
                tree.content(of: chunk).map { chunk.root.bytes + $0 }
            }
        },
        run: { bytes throws(FuzzFinding) in
            guard let root = Digest(bytes: bytes.prefix(32)) else { return }
            let tree = StateTree()
            let content = Array(bytes.dropFirst(32))
            do throws(StateProofError) { try tree.restore(chunk: content, root: root) } catch {
                guard tree.count == 0 else { throw FuzzFinding("a refused chunk leaves \(tree.count) entries") }
                return
            }
            guard tree.root() == root else { throw FuzzFinding("a chunk was taken under another root") }
        })

    /// Puts, deletes and takes back at random places, beside a dictionary.
    private static let tree = FuzzTarget(
        "tree", seeds: { [[0, 1, 65, 1, 9, 0, 2, 65, 66, 1, 8, 1, 1, 65, 2], (0..<60).map { UInt8($0 * 5 % 256) }] },
        run: { bytes throws(FuzzFinding) in
            var reader = FuzzReader(bytes)
            let tree = StateTree()
            var model: [[UInt8]: [UInt8]] = [:]
            for _ in 0..<64 where !reader.isEmpty {
                let operation = reader.byte() % 4
                let path = reader.bytes(Int(reader.byte() % 6))
                let value = reader.bytes(Int(reader.byte() % 4))
                let change = StateChange(path: path, value: operation == 1 ? nil : value)
                if operation == 3 {
                    let before = tree.root()
                    guard let undo = try? tree.apply([change]) else { throw FuzzFinding("a small change is refused") }
                    tree.revert(undo)
                    guard tree.root() == before else { throw FuzzFinding("a change taken back changes the root") }
                } else {
                    guard (try? tree.applyForGood([change])) != nil else {
                        throw FuzzFinding("a small change is refused")
                    }
                    model[path] = change.value
                }
                guard tree.get(path) == model[path], tree.count == model.count else {
                    throw FuzzFinding("the tree holds \(String(describing: tree.get(path))) at \(path)")
                }
                guard let answer = try? tree.prove(path).verify(root: tree.root()),
                    answer == (model[path].map { .value($0) } ?? .absent)
                else { throw FuzzFinding("the proof for \(path) does not hold") }
            }
        })

    private static let vrf = FuzzTarget(
        "random function", seeds: { VRF.prove([1], with: RecordPool.validator).map { [$0 + [1]] } ?? [] },
        run: { bytes throws(FuzzFinding) in
            let input = Array(bytes.dropFirst(80))
            let proof = Array(bytes.prefix(80))
            guard VRF.verify(proof, of: input, by: RecordPool.validator.publicKey) != nil else { return }
            // The function has one value, and its owner makes one proof of it.
            guard VRF.prove(input, with: RecordPool.validator) == proof else {
                throw FuzzFinding("a second proof for \(input) is good")
            }
        })
}
