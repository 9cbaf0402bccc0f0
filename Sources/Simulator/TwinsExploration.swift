package import Primitives

/// All scenarios of twins for a few rounds (Bano et al. 2020, "Twins: BFT Systems Made Robust", arXiv 2004.10617): one
/// validator has two processes with one key, and in each round the processes are in one group or in two, in every way.
///
/// Leaders follow from the chain's id, as the engine turns them: whoever explores tries an id for each order of leaders
/// that there is. A round's groups matter only if a process comes so far: scenarios that differ in later rounds alone
/// are one run.
package struct TwinsExploration: Sendable {
    package let rounds: Int
    package let validators: Int
    package let chain: Digest
    package let parameters: [String: String]
    /// When all reach all, in milliseconds: after the waits of all rounds.
    package let healsAfter: Int64
    package let make: @Sendable (_ validator: Int) throws -> any SimulatedEngine

    package init(
        rounds: Int, validators: Int, chain: Digest, parameters: [String: String], healsAfter: Int64,
        make: @escaping @Sendable (_ validator: Int) throws -> any SimulatedEngine
    ) {
        self.rounds = rounds
        self.validators = validators
        self.chain = chain
        self.parameters = parameters
        self.healsAfter = healsAfter
        self.make = make
    }

    package struct Result: Sendable, Equatable {
        /// Scenarios that were looked at, and the runs that show what comes of them.
        package var scenarios = 0
        package var runs = 0
        package var steps = 0
        /// Scenarios in which a rule is broken, by the first rule that is.
        package var broken: [String: Int] = [:]
        package var firstFinding: String?
    }

    /// Ways in which processes are in one group or two: the first process is always in the first.
    private var choices: Int { 1 << validators }

    /// - Parameter stopsAtFinding: ends with the first scenario that breaks a rule.
    package func run(stopsAtFinding: Bool = false) -> Result {
        var result = Result()
        var groups = [Int](repeating: 0, count: rounds)
        while true {
            let (finding, used, steps) = runOne(groups)
            var same = 1
            for _ in used..<rounds { same *= choices }
            result.runs += 1
            result.scenarios += same
            result.steps += steps
            if let finding {
                result.broken[Self.kind(finding), default: 0] += same
                result.firstFinding = result.firstFinding ?? "groups \(groups.prefix(used)): \(finding)"
                if stopsAtFinding { return result }
            }
            // The next in order; what follows the last round that was used begins anew.
            var place = used - 1
            while place >= 0, groups[place] == choices - 1 { place -= 1 }
            guard place >= 0 else { return result }
            groups[place] += 1
            for later in (place + 1)..<max(place + 1, rounds) { groups[later] = 0 }
        }
    }

    /// How many rounds' groups were asked for, and what was broken.
    private func runOne(_ groups: [Int]) -> (finding: String?, used: Int, steps: Int) {
        var plan = NetworkPlan(seed: 1, powers: Array(repeating: 1, count: validators))
        plan.use(parameters)
        plan.treacherous = [0: .twins]
        plan.heights = 1
        plan.faultsEnd = healsAfter
        plan.patience = 60_000
        plan.script = PartitionScript(groups: groups.map { UInt32($0) << 1 }, healsAfter: healsAfter)
        var network = SimulatedNetwork(plan, chain: chain, make: make)
        var finding: String?
        do throws(NetworkFinding) { try network.run() } catch { finding = error.rule }
        return (finding, min(rounds, Int(network.highestRound) + 1), network.steps)
    }

    /// A rule without its numbers.
    private static func kind(_ finding: String) -> String {
        String(finding.prefix { !$0.isNumber }).split(separator: " ").joined(separator: " ")
    }
}
