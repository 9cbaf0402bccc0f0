public import CVinculum
import PluginKit

// The engine of consensus-pos, compiled once more from the same files (`Engine` is a link to them) with places for
// bugs: a library for the tests of the simulator, which no installation has.

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(
        .consensus(SkippedLock.self), .consensus(QuorumOffByOne.self), .consensus(LostMemory.self),
        .consensus(EvidenceIgnored.self), .consensus(StaleTime.self), .consensus(NothingPlanted.self))
}

private func planted(_ name: String) -> PluginDescription {
    PluginDescription(
        id: "org.vinculum.test.\(name)", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0")
}

/// An engine with a bug.
class PlantedConsensus {
    private var engine: BFTEngine?
    class var bug: PlantedBug? { nil }

    required init(host: HostAccess) {}

    func start(snapshot: [UInt8]) throws(PluginFailure) {
        engine = try BFTEngine(snapshot: snapshot)
        engine?.planted = Self.bug
    }

    func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        guard try engine?.step(event, effects: &effects) != nil else {
            throw PluginFailure(.state, "start comes before step")
        }
    }

    func snapshot() throws(PluginFailure) -> [UInt8] { engine?.snapshot ?? [] }

    func stop() throws(PluginFailure) { engine = nil }
}

final class SkippedLock: PlantedConsensus, ConsensusPlugin {
    static let description = planted("skipped-lock")
    override class var bug: PlantedBug? { .skippedLock }
}

final class QuorumOffByOne: PlantedConsensus, ConsensusPlugin {
    static let description = planted("quorum-off-by-one")
    override class var bug: PlantedBug? { .quorumOffByOne }
}

final class LostMemory: PlantedConsensus, ConsensusPlugin {
    static let description = planted("lost-sync")
    override class var bug: PlantedBug? { .lostMemory }
}

final class EvidenceIgnored: PlantedConsensus, ConsensusPlugin {
    static let description = planted("evidence-ignored")
    override class var bug: PlantedBug? { .evidenceIgnored }
}

final class StaleTime: PlantedConsensus, ConsensusPlugin {
    static let description = planted("stale-time")
    override class var bug: PlantedBug? { .staleTime }
}

/// The same build without a bug, to compare with.
final class NothingPlanted: PlantedConsensus, ConsensusPlugin { static let description = planted("nothing") }
