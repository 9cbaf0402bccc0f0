import Glibc
import Synchronization

/// Many runs of one kind, on several threads, with their outcomes in the order of the seeds.
package struct Simulation: Sendable {
    package let validators: Int
    package let faults: Set<Fault>
    package let heights: UInt64
    /// The engine's section of the genesis.
    package let parameters: [String: String]
    /// Called on the threads of the runs.
    package let make: @Sendable (_ validator: Int) throws -> any SimulatedEngine

    package init(
        validators: Int, faults: Set<Fault>, heights: UInt64, parameters: [String: String],
        make: @escaping @Sendable (_ validator: Int) throws -> any SimulatedEngine
    ) {
        self.validators = validators
        self.faults = faults
        self.heights = heights
        self.parameters = parameters
        self.make = make
    }

    /// What came of one seed.
    package struct Outcome: Sendable, Equatable {
        package let seed: UInt64
        /// The rule that was broken; nil where none was.
        package let finding: String?
        package let heights: UInt64
        package let steps: UInt64
        package let virtualMilliseconds: UInt64
        package let counts: FaultCounts
        /// A third of the power and more broke the rules, and what was looked at is the evidence.
        package let hasForked: Bool
    }

    package func plan(seed: UInt64) -> NetworkPlan {
        var plan = NetworkPlan.drawn(seed: seed, validators: validators, faults: faults, heights: heights)
        plan.use(parameters)
        return plan
    }

    /// One seed, on the calling thread.
    package func run(seed: UInt64, trace: Trace? = nil) -> Outcome {
        EngineDeath.noting(seed) { runNoted(seed, trace) }
    }

    private func runNoted(_ seed: UInt64, _ trace: Trace?) -> Outcome {
        var network = SimulatedNetwork(plan(seed: seed), trace: trace, make: make)
        var found: String?
        do throws(NetworkFinding) { try network.run() } catch { found = error.rule }
        return Outcome(
            seed: seed, finding: found, heights: UInt64(network.decided.count), steps: UInt64(network.steps),
            virtualMilliseconds: UInt64(max(0, network.elapsedMilliseconds)), counts: network.counts,
            hasForked: network.hasForked)
    }

    /// All seeds; blocks the calling thread, which is none of Swift's cooperative pool's.
    ///
    /// - Parameters:
    ///   - threads: how many run at a time.
    ///   - each: gets the outcomes in the order of the seeds, one at a time; false ends the simulation early.
    package func run(
        seeds: ClosedRange<UInt64>, threads: Int, each: @escaping @Sendable (Outcome) -> Bool
    ) throws(ThreadsUnavailable) {
        let work = SimulationWork(simulation: self, seeds: seeds, each: each)
        var started: [pthread_t] = []
        for _ in 1..<max(1, threads) {
            guard let thread = work.startThread() else { break }
            started.append(thread)
        }
        work.loop()
        for thread in started { pthread_join(thread, nil) }
        guard started.count == max(1, threads) - 1 else { throw ThreadsUnavailable() }
    }
}

/// The machine gave fewer threads than were asked for; the work is done all the same.
package struct ThreadsUnavailable: Error {}

/// Hands out seeds and brings outcomes into their order.
private final class SimulationWork: Sendable {
    private struct Shared {
        var next: UInt64?
        var reported: UInt64
        var waiting: [UInt64: Simulation.Outcome] = [:]
    }

    private let simulation: Simulation
    private let last: UInt64
    private let each: @Sendable (Simulation.Outcome) -> Bool
    private let shared: Mutex<Shared>

    init(
        simulation: Simulation, seeds: ClosedRange<UInt64>, each: @escaping @Sendable (Simulation.Outcome) -> Bool
    ) {
        self.simulation = simulation
        self.each = each
        last = seeds.upperBound
        shared = Mutex(Shared(next: seeds.lowerBound, reported: seeds.lowerBound))
    }

    func loop() {
        while let seed = take() { report(simulation.run(seed: seed)) }
    }

    private func take() -> UInt64? {
        shared.withLock { shared in
            guard let seed = shared.next else { return nil }
            shared.next = seed < last ? seed + 1 : nil
            return seed
        }
    }

    private func report(_ outcome: Simulation.Outcome) {
        // Under the lock: whoever gets outcomes gets them one at a time.
        shared.withLock { shared in
            shared.waiting[outcome.seed] = outcome
            while let ready = shared.waiting.removeValue(forKey: shared.reported) {
                shared.reported &+= 1
                if !each(ready) {
                    shared.next = nil
                    shared.waiting = [:]
                    // No seed has this number: nothing more is reported.
                    shared.reported = .max
                    return
                }
            }
        }
    }

    /// A thread with a stack that engines and plans fit on; joined by who started it.
    func startThread() -> pthread_t? {
        var thread = pthread_t()
        // Retained for the new thread, which takes that reference over and releases it.
        let reference = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<SimulationWork>.fromOpaque(argument).takeRetainedValue().loop()
                return nil
            }, reference.toOpaque())
        guard code == 0 else {
            reference.release()
            return nil
        }
        return thread
    }
}
