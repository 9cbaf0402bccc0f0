import Ledger
import Primitives
import Testing

/// What a snapshot's manifest says of the state is proven before a chunk arrives, and every chunk by itself.
@Suite("Outline of the state") struct StateOutlineTests {
    private func tree(_ seed: UInt64) throws -> (StateTree, SeededRandom) {
        var random = SeededRandom(state: seed)
        let tree = StateTree()
        for _ in 0..<Int.random(in: 1...400, using: &random) {
            // Short alphabets and many lengths: paths that are prefixes of others, and long common beginnings.
            let path = (0..<Int.random(in: 0...20, using: &random)).map { _ in UInt8.random(in: 0...3, using: &random) }
            try tree.put(path, [UInt8](repeating: 7, count: Int.random(in: 0...60, using: &random)))
        }
        return (tree, random)
    }

    private func parts(_ chunks: [StateChunk]) -> [StateOutline.Part] {
        chunks.map { StateOutline.Part(root: $0.root, firstPath: $0.firstPath) }
    }

    @Test("the chunks of any tree give its root, whatever their size", arguments: 1...60 as ClosedRange<UInt64>)
    func rootFollows(seed: UInt64) throws {
        let (tree, _) = try tree(seed)
        for size in [1, 40, 300, 100_000] {
            let chunks = tree.chunks(maximumByteCount: size)
            #expect(try StateOutline.root(of: parts(chunks)) == tree.root(), "seed \(seed), chunks of \(size)")
            // Some path of a chunk, not the first one, says as well where it hangs.
            let last = chunks.map { StateOutline.Part(root: $0.root, firstPath: $0.lastPath) }
            #expect(try StateOutline.root(of: last) == tree.root(), "seed \(seed), chunks of \(size)")
            for chunk in chunks {
                try StateChunk.check(try #require(tree.content(of: chunk)), root: chunk.root)
            }
        }
        #expect(try StateOutline.root(of: []) == StateTree.emptyRoot)
    }

    @Test(
        "a chunk left out, twice, changed or out of its place gives another root or is refused",
        arguments: 1...40 as ClosedRange<UInt64>)
    func liesShow(seed: UInt64) throws {
        var (tree, random) = try tree(seed)
        let good = parts(tree.chunks(maximumByteCount: 60))
        guard good.count > 2 else { return }
        func isFound(_ lie: [StateOutline.Part], _ what: Comment) {
            #expect((try? StateOutline.root(of: lie)) != tree.root(), what)
        }
        let index = Int.random(in: 0..<good.count, using: &random)
        var lie = good
        lie.remove(at: index)
        isFound(lie, "seed \(seed), without chunk \(index)")
        lie = good
        lie.insert(good[index], at: index)
        isFound(lie, "seed \(seed), chunk \(index) twice")
        lie = good
        lie[index] = StateOutline.Part(root: .blake2b256([1]), firstPath: good[index].firstPath)
        isFound(lie, "seed \(seed), chunk \(index) of another root")
        lie = good
        lie.swapAt(index, (index + 1) % good.count)
        isFound(lie, "seed \(seed), chunk \(index) elsewhere")
        isFound([], "nothing at all")
        let long = [UInt8](repeating: 0, count: 129)
        #expect(throws: StateProofError.self) { try StateOutline.root(of: [.init(root: .zero, firstPath: long)]) }
    }

    @Test(
        "a chunk with a bit changed, cut, or with an entry more, is refused", arguments: 1...20 as ClosedRange<UInt64>)
    func badChunks(seed: UInt64) throws {
        var (tree, random) = try tree(seed)
        let chunk = try #require(tree.chunks(maximumByteCount: 200).randomElement(using: &random))
        let content = try #require(tree.content(of: chunk))
        for _ in 0..<20 {
            var bad = content
            bad[Int.random(in: 0..<bad.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            #expect(throws: StateProofError.self, "seed \(seed)") { try StateChunk.check(bad, root: chunk.root) }
        }
        let cut = Array(content.prefix(Int.random(in: 0..<content.count, using: &random)))
        #expect(throws: StateProofError.self) { try StateChunk.check(cut, root: chunk.root) }
        #expect(throws: StateProofError.self) { try StateChunk.check(content + [0], root: chunk.root) }
        #expect(throws: StateProofError.self) { try StateChunk.check(content, root: .zero) }
    }
}
