import BFTEngine
import Simulator
import Glibc
import PluginHost
import Primitives
import Testing

/// Seeds of a longer run: VINCULUM_CONSENSUS_SEEDS="1000..20000".
private let seeds: ClosedRange<UInt64> = {
    let text = getenv("VINCULUM_CONSENSUS_SEEDS").map { String(cString: $0) } ?? "1..300"
    let ends = text.split(separator: ".").compactMap { UInt64($0) }
    return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : 1...300
}()

@Suite("Consensus in a network with faults")
struct SimulationTests {
    /// Four to seven validators under all faults.
    private func plan(_ seed: UInt64) -> NetworkPlan {
        var plan = NetworkPlan.drawn(
            seed: seed, validators: 4 + Int(seed % 4), faults: Set(Fault.allCases), heights: 8)
        plan.use(NetworkPlan.shortTimes)
        return plan
    }

    @Test("agrees, accuses no honest validator and goes on after faults, from many seeds")
    func holdsUnderFaults() throws {
        var steps = 0
        for seed in seeds {
            var network = SimulatedNetwork(plan(seed)) { _ in EngineUnderTest() }
            try network.run()
            steps += network.steps
        }
        #expect(steps > 1000)
    }

    @Test("decides in the first round, height after height, where nothing goes wrong", arguments: [1, 2, 3, 4, 10])
    func isQuickWithoutFaults(count: Int) throws {
        var plan = NetworkPlan(seed: 5, powers: Array(repeating: 1, count: count))
        plan.heights = 30
        plan.faultsEnd = 0
        var network = SimulatedNetwork(plan) { _ in EngineUnderTest() }
        try network.run()
        #expect(network.decided.count == 30)
        #expect(network.decisionRounds.values.allSatisfy { $0 == 0 })
    }

    @Test("the same seed gives the same run")
    func isDeterministic() throws {
        let runs = try (0..<2).map { _ in
            var network = SimulatedNetwork(plan(77)) { _ in EngineUnderTest() }
            try network.run()
            return (network.steps, network.decided)
        }
        #expect(runs[0].0 == runs[1].0)
        #expect(runs[0].1 == runs[1].1)
    }

    @Test("finds and accuses twins and those who forget", arguments: [Treachery.twins, .amnesia])
    func accuses(treachery: Treachery) throws {
        var accusations = 0
        for seed in 1...60 as ClosedRange<UInt64> {
            var plan = NetworkPlan(seed: seed, powers: [1, 1, 1, 1])
            plan.treacherous = [Int(seed % 4): treachery]
            plan.faults.lost = 100
            var network = SimulatedNetwork(plan) { _ in EngineUnderTest() }
            try network.run()
            accusations += network.accused.count
        }
        #expect(accusations > 10)
    }

    @Test("a fork by a third of power and more gives evidence against a third")
    func forksAreAccountable() throws {
        var forks = 0
        for seed in 1...120 as ClosedRange<UInt64> {
            var plan = NetworkPlan(seed: seed, powers: [1, 1, 1, 1])
            plan.treacherous = [0: .twins, 1: .twins]
            plan.faults.lost = 50
            plan.faults.partitions = 800
            plan.faultsEnd = 20_000
            plan.patience = 20_000
            plan.expectsForks = true
            var network = SimulatedNetwork(plan) { _ in EngineUnderTest() }
            do throws(NetworkFinding) {
                try network.run()
            } catch {
                if !error.rule.hasPrefix("no progress") { throw error }
            }
            if network.hasForked { forks += 1 }
        }
        #expect(forks > 2)
    }

    @Test("works with Ed25519 as with the stand-in")
    func realSignatures() throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            var plan = plan(seed)
            plan.heights = 4
            let scheme = RealSignatures.scheme(count: plan.powers.count, seed: seed)
            var network = SimulatedNetwork(plan, scheme: scheme) { _ in EngineUnderTest() }
            try network.run()
        }
    }
}
