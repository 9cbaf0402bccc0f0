import FuzzTargets
import Testing

/// The same blocks in two processes, which Swift gives different hash seeds: same roots, same receipts, byte for byte.
@Suite struct DeterminismTests {
    static let mark = "transcript "

    /// What a process printed under the mark; a test process prints other things too.
    private func transcript(_ output: [UInt8]) -> [Substring] {
        String(decoding: output, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix(Self.mark) }
    }

    @Test(arguments: [UInt64](1...2)) func twoProcessesAgreeOnEveryBlock(seed: UInt64) async throws {
        var transcripts: [[Substring]] = []
        for _ in 0..<2 {
            let process = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) { [seed] in
                for line in try LedgerTranscript.lines(seed: seed, count: 300) {
                    print("\(DeterminismTests.mark)\(line)")
                }
            }
            transcripts.append(transcript(process?.standardOutputContent ?? []))
        }
        #expect(transcripts[0].count > 340, "seed \(seed)")
        let first = zip(transcripts[0], transcripts[1]).first { $0 != $1 }
        #expect(first == nil && transcripts[0] == transcripts[1], "seed \(seed): \(String(describing: first))")
    }

    /// What depends on the order of a set is told apart: the processes do differ.
    @Test func anOrderThatDependsOnHashesIsSeen() async throws {
        var orders: Set<String> = []
        for _ in 0..<3 {
            let process = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                print("\(DeterminismTests.mark)\(Array(Set(0..<64)))")
            }
            orders.insert(transcript(process?.standardOutputContent ?? []).joined())
        }
        #expect(orders.count > 1)
    }
}
