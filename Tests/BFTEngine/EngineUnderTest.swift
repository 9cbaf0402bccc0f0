import BFTEngine
import ConsensusNetwork
import PluginKit

/// The engine as a value, behind the form in which libraries are driven.
final class EngineUnderTest: SimulatedEngine {
    private var engine: BFTEngine?
    private let planted: PlantedBug?

    init(planted: PlantedBug? = nil) { self.planted = planted }

    func start(snapshot: [UInt8]) throws {
        engine = try BFTEngine(snapshot: snapshot)
        engine?.planted = planted
    }

    func step(_ event: [UInt8]) throws -> [UInt8] {
        var effects = ConsensusEffects()
        try engine?.step(try event.withUnsafeBytes { try ConsensusEvent($0) }, effects: &effects)
        return effects.bytes
    }
}

extension NetworkPlan {
    /// Four to seven validators, fewer than a third of power treacherous, faults from the seed.
    static func drawn(seed: UInt64) -> NetworkPlan {
        var random = SeededRandom(seed: seed &* 0x9e37 &+ 7)
        let count = 4 + Int(random.below(4))
        let powers: [UInt64] =
            random.chance(500)
            ? Array(repeating: 1, count: count) : (0..<count).map { _ in 1 + random.below(100) }
        var plan = NetworkPlan(seed: seed, powers: powers)
        let total = powers.reduce(0, +)
        var taken: UInt64 = 0
        for index in powers.indices where random.chance(400) {
            guard (taken + powers[index]) * 3 < total else { continue }
            taken += powers[index]
            plan.treacherous[index] = Treachery.allCases[Int(random.below(UInt64(Treachery.allCases.count)))]
        }
        plan.faults = .drawn(&random)
        plan.faultsEnd = random.within(1_000...10_000)
        return plan
    }
}
