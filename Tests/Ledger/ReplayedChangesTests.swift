import Primitives
import Testing

@testable import Ledger

@Suite("Replayed changes") struct ReplayedChangesTests {
    /// Change sets over few paths of unequal lengths, so that paths repeat within a part, between parts, and with the
    /// limit.
    private func sets(_ random: inout SeededRandom, count: Int) -> [[StateChange]] {
        (0..<count).map { _ in
            (0..<Int.random(in: 0...12, using: &random)).map { _ in
                StateChange(
                    path: path(&random),
                    value: Int.random(in: 0..<4, using: &random) == 0
                        ? nil : [UInt8](repeating: UInt8.random(in: 0...9, using: &random), count: 3))
            }
        }
    }

    private func path(_ random: inout SeededRandom) -> [UInt8] {
        [0x61, 0x2f] + (0..<Int.random(in: 0...9, using: &random)).map { _ in UInt8.random(in: 0...2, using: &random) }
    }

    @Test(
        "each path comes once, in order, with its last value, whatever part it is in", arguments: [1, 2, 3] as [UInt64])
    func walk(seed: UInt64) throws {
        var random = SeededRandom(state: seed)
        for round in 0..<100 {
            var expected: [[UInt8]: [UInt8]?] = [:]
            var parts: [ReplayedChanges] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                var part = ReplayedChanges()
                for set in sets(&random, count: 6) {
                    for change in set { expected.updateValue(change.value, forKey: change.path) }
                    try set.encoded().withUnsafeBytes { try part.add($0) }
                }
                part.settle()
                parts.append(part)
            }
            let limits = Set((0..<5).map { _ in path(&random) }).sorted { $0.lexicographicallyPrecedes($1) }
            var walk = ReplayedChanges.Walk(parts)
            var found: [(path: [UInt8], value: [UInt8]?)] = []
            for limit in limits {
                let wasThere = limit.withUnsafeBytes { limit in
                    walk.advance(through: limit) { found.append(([UInt8]($0), $1.map { [UInt8]($0) })) }
                }
                #expect(
                    wasThere == (found.last?.path == limit && expected.keys.contains(limit)),
                    "seed \(seed), round \(round)")
                #expect(found.allSatisfy { !limit.lexicographicallyPrecedes($0.path) })
            }
            _ = walk.advance(through: nil) { found.append(([UInt8]($0), $1.map { [UInt8]($0) })) }
            let sorted = expected.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            #expect(found.map(\.path) == sorted.map(\.key), "seed \(seed), round \(round)")
            #expect(found.map(\.value) == sorted.map(\.value), "seed \(seed), round \(round)")
        }
    }

    @Test("bytes that are no change set are refused") func malformed() {
        for bytes in [[], [0x80, 0x00], [0x81, 0x80], [0x81, 0x82, 0x41, 0x61], [0x9f, 0xff]] as [[UInt8]] {
            var part = ReplayedChanges()
            #expect(throws: CBORError.self) { try bytes.withUnsafeBytes { try part.add($0) } }
        }
    }
}
