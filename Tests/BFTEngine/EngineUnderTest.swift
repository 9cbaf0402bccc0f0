import BFTEngine
import PluginKit
import Simulator

/// The engine as a value, behind the form in which libraries are driven.
final class EngineUnderTest: SimulatedEngine {
    private var engine: BFTEngine?

    func start(snapshot: [UInt8]) throws { engine = try BFTEngine(snapshot: snapshot) }

    func step(_ event: [UInt8]) throws -> [UInt8] {
        var effects = ConsensusEffects()
        try engine?.step(try event.withUnsafeBytes { try ConsensusEvent($0) }, effects: &effects)
        return effects.bytes
    }
}
