import Primitives
import Testing

@Suite struct StateProofTests {
    static let seeds: [UInt64] = [21, 22, 23, 24]

    private func make(_ generator: inout SeededGenerator, entries: Int) throws -> (StateTree, StateTreeModel) {
        let tree = StateTree()
        var model = StateTreeModel()
        for _ in 0..<entries {
            let (path, value) = (generator.path(), generator.bytes(upTo: 20))
            try tree.put(path, value)
            model.entries[path] = value
        }
        return (tree, model)
    }

    @Test(arguments: seeds)
    func everyQuestionIsAnsweredWithAProofThatHolds(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for size in [0, 1, 2, 3, 8, 40, 150] {
            let (tree, model) = try make(&generator, entries: size)
            let root = tree.root()
            for path in model.entries.keys {
                let proof = tree.prove(path)
                #expect(try proof.verify(root: root) == .value(model.entries[path] ?? []), "seed \(seed)")
            }
            for _ in 0..<60 {
                let path = generator.path()
                let expected = model.entries[path].map { StateProof.Answer.value($0) } ?? .absent
                let proof = tree.prove(path)
                #expect(try proof.verify(root: root) == expected, "seed \(seed), path \(Hex.encode(path))")
                #expect(try StateProof.decode(proof.encoded()) == proof)

                let prefix = [UInt8](path.prefix(Int.random(in: 0...3, using: &generator)))
                let entries = model.scan(prefix: prefix)
                let listing = tree.prove(prefix: prefix)
                #expect(
                    try listing.verify(root: root) == (entries.isEmpty ? .absent : .entries(entries)),
                    "seed \(seed), prefix \(Hex.encode(prefix))")
                #expect(try StateProof.decode(listing.encoded()) == listing)
            }
        }
    }

    /// No change of a single byte of a proof may yield another answer: it fails to decode, or to verify, or the answer
    /// is the same one.
    @Test(arguments: seeds)
    func aTamperedProofNeverGivesAnotherAnswer(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (tree, model) = try make(&generator, entries: 60)
        let root = tree.root()
        for _ in 0..<40 {
            let path =
                Bool.random(using: &generator)
                ? generator.path() : model.scan(prefix: []).randomElement(using: &generator)?.path ?? []
            let proof =
                Bool.random(using: &generator) ? tree.prove(path) : tree.prove(prefix: [UInt8](path.prefix(2)))
            let encoded = proof.encoded()
            for _ in 0..<40 {
                var bytes = encoded
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
                guard let forged = try? StateProof.decode(bytes), let answer = try? forged.verify(root: root) else {
                    continue
                }
                let truth = try tree.prove(forged.question).verify(root: root)
                #expect(answer == truth, "seed \(seed), proof \(Hex.encode(bytes))")
            }
        }
    }

    /// An answer cut from a true proof and put under another question must fail: the forgeries that one would try
    /// first.
    @Test(arguments: seeds)
    func aProofForOneQuestionAnswersNoOther(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (tree, model) = try make(&generator, entries: 60)
        let root = tree.root()
        var accepted = 0
        for _ in 0..<400 {
            let honest =
                Bool.random(using: &generator) ? tree.prove(generator.path()) : tree.prove(prefix: generator.path())
            let other = model.scan(prefix: []).randomElement(using: &generator)?.path ?? []
            guard case .array(var items) = try CBORValue.decode(honest.encoded()) else { continue }
            items[0] = .unsigned(UInt64.random(in: 0...1, using: &generator))
            items[1] = .bytes([UInt8](other.prefix(Int.random(in: 0...5, using: &generator))))
            let forged = try StateProof.decode(CBORValue.array(items).encoded())
            guard let answer = try? forged.verify(root: root) else { continue }
            accepted += 1
            #expect(try tree.prove(forged.question).verify(root: root) == answer, "seed \(seed)")
        }
        #expect(accepted < 400)
    }

    @Test func aProofUnderAnotherRootFails() throws {
        var generator = SeededGenerator(seed: 31)
        let (tree, _) = try make(&generator, entries: 50)
        let proof = tree.prove([0x61, 0x01])
        let error = #expect(throws: StateProofError.self) { try proof.verify(root: .blake2b256([1])) }
        #expect(error?.code == .wrongRoot)
        try tree.put([0x61, 0x01], [9, 9])
        #expect(throws: StateProofError.self) { try proof.verify(root: tree.root()) }
    }

    @Test(arguments: seeds)
    func chunksTogetherAreTheStateAndUnchangedOnesKeepTheirNames(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (tree, model) = try make(&generator, entries: 300)
        let chunks = tree.chunks(maximumByteCount: 400)
        #expect(chunks.reduce(0) { $0 + $1.count } == model.entries.count)
        #expect(chunks.reduce(0) { $0 + $1.contentByteCount } == tree.contentByteCount)
        #expect(chunks.allSatisfy { $0.contentByteCount <= 400 })
        #expect(zip(chunks, chunks.dropFirst()).allSatisfy { $0.lastPath.lexicographicallyPrecedes($1.firstPath) })
        let copy = StateTree()
        for chunk in chunks.shuffled(using: &generator) {
            let content = try #require(tree.content(of: chunk))
            var wrong = content
            wrong[wrong.count - 1] ^= 1
            #expect(throws: StateProofError.self) { try copy.restore(chunk: wrong, root: chunk.root) }
            try copy.restore(chunk: content, root: chunk.root)
        }
        #expect(copy.root() == tree.root(), "seed \(seed)")

        let changed = try #require(chunks.randomElement(using: &generator))
        try tree.put(changed.firstPath, [1, 2, 3])
        let names = Set(tree.chunks(maximumByteCount: 400).map(\.root))
        #expect(chunks.filter { !names.contains($0.root) }.count <= 2, "seed \(seed)")
        #expect(tree.content(of: changed) == nil)
    }
}
