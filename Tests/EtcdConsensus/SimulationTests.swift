import EtcdEngine
import Glibc
import Simulator
import Testing

/// Seeds of a longer run: VINCULUM_CONSENSUS_SEEDS="1000..20000".
private let seeds: ClosedRange<UInt64> = {
    let text = getenv("VINCULUM_CONSENSUS_SEEDS").map { String(cString: $0) } ?? "1..200"
    let ends = text.split(separator: ".").compactMap { UInt64($0) }
    return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : 1...200
}()

/// A network over one log, with faults of both from a seed.
private struct LoggedNetwork {
    var plan: NetworkPlan
    var faults: LogFaults

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed &* 0x9e37 &+ 11)
        let count = 1 + Int(random.below(7))
        plan = NetworkPlan(seed: seed, powers: Array(repeating: 1, count: count))
        plan.threshold = UInt64(count) / 2 + 1
        plan.certifiesByThreshold = true
        plan.faults = Self.drawnFaults(&random)
        plan.faultsEnd = random.within(1_000...10_000)
        plan.parameters = ["missing_ms": "800", "takeover_ms": "150"]
        faults = .drawn(&random)
    }

    /// A mixture from mild to wild.
    private static func drawnFaults(_ random: inout SeededRandom) -> NetworkFaults {
        var faults = NetworkFaults()
        faults.lost = random.chance(700) ? random.below(300) : 0
        faults.doubled = random.below(100)
        faults.delay = 1...(5 + random.within(0...300))
        faults.partitions = random.chance(500) ? random.below(600) : 0
        faults.crashes = random.chance(500) ? random.below(60) : 0
        faults.skew = random.chance(300) ? random.within(0...200) : 0
        faults.fullDisk = random.chance(200) ? random.below(100) : 0
        return faults
    }

    /// Answers the network as it is in the end, and the log.
    func run(_ planted: PlantedBug? = nil) throws -> (network: SimulatedNetwork, log: SimulatedLog) {
        let log = SimulatedLog(seed: plan.seed, faults: faults, faultsEnd: NetworkPlan.epoch + plan.faultsEnd)
        var network = SimulatedNetwork(plan) { _ in EngineOverLog(log, planted: planted) }
        try network.run()
        return (network, log)
    }
}

@Suite("Blocks in the order of a log, in a network with faults")
struct LoggedNetworkTests {
    @Test("CON-4 CON-5 CON-6 CON-12: agrees and goes on, whatever the log loses, repeats or is set back to")
    func holdsUnderFaults() throws {
        var (steps, restores, foreign) = (0, 0, 0)
        for seed in seeds {
            let (network, log) = try LoggedNetwork(seed: seed).run()
            steps += network.steps
            restores += log.restoreCount
            foreign += log.foreignCount
        }
        // The faults were there.
        #expect(steps > 1000 && restores > 10 && foreign > 10, "\(steps) steps, \(restores) restores, \(foreign)")
    }

    @Test("decides in the first round, height after height, where nothing goes wrong", arguments: [1, 2, 3, 4, 7])
    func isQuickWithoutFaults(count: Int) throws {
        var logged = LoggedNetwork(seed: 5)
        logged.plan = NetworkPlan(seed: 5, powers: Array(repeating: 1, count: count))
        logged.plan.threshold = UInt64(count) / 2 + 1
        logged.plan.certifiesByThreshold = true
        logged.plan.parameters = [:]
        logged.plan.heights = 30
        logged.plan.faultsEnd = 0
        logged.faults = LogFaults()
        let (network, _) = try logged.run()
        #expect(network.decided.count == 30)
        #expect(network.decisionRounds.values.allSatisfy { $0 == 0 })
    }

    @Test("CON-1: the same seed gives the same run")
    func isDeterministic() throws {
        let runs = try (0..<2).map { _ in try LoggedNetwork(seed: 77).run().network }
        #expect(runs[0].steps == runs[1].steps)
        #expect(runs[0].decided == runs[1].decided)
    }

    @Test("one that is set back again and again, and written to by strangers, stops nobody for good")
    func badLog() throws {
        var laterRounds = 0
        for seed in 1...40 as ClosedRange<UInt64> {
            var logged = LoggedNetwork(seed: seed)
            logged.faults.restores = 40
            logged.faults.foreign = 500
            let network = try logged.run().network
            laterRounds += network.decisionRounds.values.filter { $0 > 0 }.count
        }
        #expect(laterRounds > 10, "\(laterRounds) heights were decided in a later round")
    }
}

@Suite("Planted bugs of the engine over a log are found")
struct PlantedLogBugTests {
    private func firstFinding(_ planted: PlantedBug?, seeds: UInt64 = 1000) throws -> NetworkFinding? {
        for seed in 1...seeds {
            var logged = LoggedNetwork(seed: seed)
            logged.plan.powers = [1, 1, 1, 1, 1]
            logged.plan.threshold = 3
            logged.plan.certifiesByThreshold = true
            logged.plan.faults.lost = 200
            logged.plan.faults.delay = 1...600
            logged.plan.faults.crashes = 30
            logged.plan.faultsEnd = 15_000
            logged.faults.restores = 30
            logged.faults.foreign = 200
            do { _ = try logged.run(planted) } catch let finding as NetworkFinding { return finding }
        }
        return nil
    }

    @Test("a quorum that is off by one") func quorumOffByOne() throws {
        let finding = try firstFinding(.quorumOffByOne)
        let isShown = ["decides height", "two blocks"].contains { finding?.rule.contains($0) == true }
        #expect(isShown, "\(String(describing: finding))")
    }

    @Test("a next round that forgets what may be decided in this one") func forgottenBond() throws {
        let finding = try firstFinding(.forgottenBond)
        #expect(finding?.rule.contains("two blocks") == true, "\(String(describing: finding))")
    }

    @Test("none where none is planted") func noneWithout() throws {
        let finding = try firstFinding(nil, seeds: 100)
        #expect(finding == nil, "\(String(describing: finding))")
    }
}
