import Testing
import Training

@Suite("Two updates that hold the same noise")
struct NoiseReuseTests {
    private static let deviation: Int64 = 200_000

    /// A gradient of some size and fresh noise.
    private func update(seed: UInt64, signal: Double = 1, count: Int = 2_000) -> [Int64] {
        var work = SeededGenerator(seed: seed &* 2)
        var noise = SeededGenerator(seed: seed &* 2 &+ 1)
        return (0..<count).map { _ in
            Int64((work.normal() * signal * Double(Self.deviation) + noise.normal() * Double(Self.deviation)).rounded())
        }
    }

    private func noised(_ update: [Int64], by share: Double, seed: UInt64) -> [Int64] {
        var generator = SeededGenerator(seed: seed)
        return update.map { $0 + Int64((generator.normal() * share * Double(Self.deviation)).rounded()) }
    }

    private func holds(_ left: [Int64], _ right: [Int64]) -> Bool {
        NoiseReuse.holds(left, right, noiseUnits: Self.deviation)
    }

    @Test("honest pairs never look so, however much their gradients are alike", arguments: [0.0, 0.1, 1, 10])
    func honest(signal: Double) {
        for seed in 0..<200 as Range<UInt64> {
            let gradient = update(seed: 1_000_000 + seed, signal: signal, count: 1_000).map { $0 / 2 }
            let left = noised(gradient, by: 1, seed: 2 * seed)
            let right = noised(gradient, by: 1, seed: 2 * seed + 1)
            #expect(!holds(left, right), "seed \(seed)")
        }
    }

    @Test("the same update with something changed is known again", arguments: 0..<50 as Range<UInt64>)
    func changed(seed: UInt64) {
        let old = update(seed: seed)
        var one = old
        one[17] += 1
        #expect(holds(one, old))
        #expect(holds(old.map { $0 + 3 }, old))
        #expect(holds(old.map { $0 - $0 / 100 }, old))
        #expect(holds(noised(old, by: 0.5, seed: seed), old))
        // A fresh number differs from an old one by both gradients and both draws: 4 sigma^2.
        #expect(holds(Array(old.prefix(1_700)) + update(seed: seed + 500).suffix(300), old))
        // Fresh noise of the full size: another release, and nothing to be found.
        #expect(!holds(noised(old, by: 1.1, seed: seed), old))
    }

    @Test("few numbers have to be equal, and without noise nothing is said")
    func limits() {
        let short = update(seed: 3, count: 999)
        #expect(holds(short, short))
        #expect(!holds(short.map { $0 + 1 }, short))
        let long = update(seed: 3)
        #expect(!NoiseReuse.holds(long, long, noiseUnits: 0))
        #expect(!holds(long, Array(long.dropLast())))
        #expect(!holds([], []))
        let wide = [Int64](repeating: .max, count: 1_000)
        #expect(!holds(wide, [Int64](repeating: .min, count: 1_000)))
        #expect(NoiseReuse.holds(wide, wide, noiseUnits: .max))
    }
}
