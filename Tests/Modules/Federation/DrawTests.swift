import Federation
import Primitives
import Testing

@Suite("Draws of auditors") struct DrawTests {
    static func beacon(_ number: Int) -> Digest { .blake2b256([UInt8(number & 255), UInt8(number >> 8)]) }

    @Test("a draw can be repeated, has no repetition, and differs by beacon, job and round") func repeatable() {
        let candidates = Array(0..<20)
        func draw(_ beacon: Int, _ job: Digest, _ round: UInt32) -> [Int] {
            Draw.pick(7, from: candidates, beacon: Self.beacon(beacon), job: job, round: round, start: 0)
        }
        let first = draw(1, .zero, 1)
        #expect(first == draw(1, .zero, 1))
        #expect(Set(first).count == 7)
        #expect(first != draw(2, .zero, 1) && first != draw(1, Self.beacon(9), 1) && first != draw(1, .zero, 2))
        #expect(Set(Draw.pick(99, from: candidates, beacon: .zero, job: .zero, round: 1, start: 0)) == Set(candidates))
    }

    @Test("all are drawn equally often") func fair() {
        var counts = [Int](repeating: 0, count: 10)
        for number in 0..<3_000 {
            for pick in Draw.pick(
                3, from: Array(0..<10), beacon: Self.beacon(number), job: .zero, round: 1, start: 0)
            {
                counts[pick] += 1
            }
        }
        // Expected 900 each, with a standard deviation of 25.
        #expect(counts.allSatisfy { (775...1_025).contains($0) }, "\(counts)")
    }
}
