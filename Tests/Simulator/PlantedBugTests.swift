import Simulator
import Synchronization
import Testing

/// The simulator's teeth: an engine with a bug is found out, and the same engine without is not.
@Suite("Planted bugs are found")
struct PlantedBugTests {
    static let seeds: ClosedRange<UInt64> = 1...1000

    /// The first seed of a thousand that shows the bug.
    private func first(_ bug: String, faults: Set<Fault>) throws -> Simulation.Outcome? {
        let simulation = Libraries.simulation(try Libraries.planted(bug), faults: faults, heights: 20)
        let found = Mutex<Simulation.Outcome?>(nil)
        try simulation.run(seeds: Self.seeds, threads: 2) { outcome in
            guard outcome.finding != nil else { return true }
            found.withLock { $0 = outcome }
            return false
        }
        let outcome = found.withLock { $0 }
        // How many seeds it took is what is worth knowing of a simulator.
        print("\(bug): \(outcome.map { "seed \($0.seed): \($0.finding ?? "")" } ?? "not found in \(Self.seeds.count)")")
        return outcome
    }

    private func expect(_ outcome: Simulation.Outcome?, shows words: [String]) {
        let isShown = words.contains { outcome?.finding?.contains($0) == true }
        #expect(isShown, "\(String(describing: outcome))")
    }

    @Test("a skipped lock") func skippedLock() throws {
        // A lock that does not hold is amnesia, or a fork.
        expect(
            try first(
                "skipped-lock", faults: [.loss, .delay, .reorder, .partition, .asymmetricPartition, .slowPeer, .twins]),
            shows: ["accused", "two blocks", "honest validator"])
    }

    @Test("a quorum that is off by one") func quorumOffByOne() throws {
        expect(try first("quorum-off-by-one", faults: Set(Fault.allCases)), shows: ["decides height", "two blocks"])
    }

    @Test("a sync that is left out") func lostSync() throws {
        expect(
            try first("lost-sync", faults: Set(Fault.allCases)),
            shows: ["asks its host to sign", "accused", "two blocks", "no progress"])
    }

    @Test("evidence that is ignored") func evidenceIgnored() throws {
        expect(try first("evidence-ignored", faults: Set(Fault.allCases)), shows: ["nobody is accused"])
    }

    @Test("a proposer's stale time") func staleTime() throws {
        expect(try first("stale-time", faults: Set(Fault.allCases)), shows: ["has a time"])
    }

    @Test("none where none is planted") func noneWithout() throws {
        let simulation = Libraries.simulation(
            try Libraries.planted("nothing"), faults: Set(Fault.allCases), heights: 20)
        let found = Mutex<[Simulation.Outcome]>([])
        try simulation.run(seeds: 1...300, threads: 2) { outcome in
            if outcome.finding != nil { found.withLock { $0.append(outcome) } }
            return true
        }
        #expect(found.withLock { $0.map { "\($0.seed): \($0.finding ?? "")" } } == [])
    }
}
