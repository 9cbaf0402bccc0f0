import Primitives

/// The Merkle tree of a ledger's state: how fast it takes a block's changes, what a key costs, how long a proof is.
struct StateTreeBenchmark {
    var keyCount = 1_000_000
    /// Changed keys of a block before the root is asked for.
    private static let batch = 4_000

    func run(_ report: Report) throws {
        let tree = StateTree()
        let value = [UInt8](repeating: 3, count: 24)
        func path(_ number: Int) -> [UInt8] { Array("a/".utf8) + BenchNode.account(number).bytes }
        var start = threadSeconds()
        for number in 0..<keyCount { try tree.put(path(number), value) }
        _ = tree.root()
        report.note("a state of \(keyCount) keys was built in \(rounded(threadSeconds() - start)) s of processor time")
        let overhead = Double(tree.memoryByteCount - tree.contentByteCount) / Double(keyCount)

        // Each of the rates is of whole batches: changes, their undo record, and the new root.
        var random = SeededRandom(state: 2)
        var rates: [Double] = []
        for _ in 0..<25 {
            let changes = (0..<Self.batch).map { _ in
                let number = Int.random(in: 0..<keyCount, using: &random)
                return StateChange(
                    path: path(number), value: (0..<24).map { _ in UInt8.random(in: 0...255, using: &random) })
            }
            start = threadSeconds()
            _ = try tree.apply(changes)
            _ = tree.root()
            rates.append(Double(Self.batch) / (threadSeconds() - start))
        }
        report.add(
            "state tree, updates over \(counted(keyCount)) keys, undo and root every \(counted(Self.batch)), one core",
            "\(counted(median(rates))) /s", "floor: 200,000 /s", ratio: median(rates) / 200_000, target: .atLeast(1))
        report.add(
            "state tree, memory beside paths and values", "\(rounded(overhead, 0)) B a key", "limit: 200 B",
            ratio: overhead / 200, target: .atMost(1))

        let root = tree.root()
        var sizes: [Double] = []
        var times: [Double] = []
        for _ in 0..<500 {
            let proof = tree.prove(path(Int.random(in: 0..<keyCount, using: &random)))
            var encoder = CBOREncoder()
            encoder.value(proof)
            sizes.append(Double(encoder.finish().count))
            start = threadSeconds()
            _ = try proof.verify(root: root)
            times.append(threadSeconds() - start)
        }
        let mean = sizes.reduce(0, +) / Double(sizes.count)
        report.add(
            "proof that an account holds a balance, mean", "\(counted(mean)) B",
            "binary sparse tree of the prototype: 680 B", ratio: mean / 680, target: .atMost(1.25))
        report.add("check of such a proof, median", "\(significant(median(times) * 1e6)) us")
    }
}
