import CVinculum
import Primitives

/// An instance of a plugin. Not `Sendable`: it belongs to the thread that uses it, or to a `PluginLane`.
public class PluginInstance {
    public let manifest: Manifest
    let target: any CallTarget
    /// The target where it is in this process. Asked once: a cast costs more than a call.
    let direct: DirectTarget?

    init(_ manifest: Manifest, _ target: any CallTarget) {
        self.manifest = manifest
        self.target = target
        direct = target as? DirectTarget
    }

    /// Whether the plugin runs in a process of its own.
    public var isIsolated: Bool { direct == nil }

    /// Its process ended, or it was closed. Calls that need nothing of what it knew start a new process.
    public var isGone: Bool { target.isGone }

    /// Ends the instance; later calls throw `.closed`. Also done when the object dies.
    public func close() { target.close() }

    func malformed(_ call: String, _ message: String) -> PluginError {
        PluginError(.malformed, plugin: manifest.id, call: call, message)
    }
}

/// A consensus engine. See `draft/consensus.h` for what the calls promise.
public final class ConsensusInstance: PluginInstance {
    // Kept for its capacity: a step in this process allocates nothing.
    private let effects = SinkBuffer(limit: PluginCall.step.outputLimit)

    /// Restores what the newest persist effect held; empty on the first start.
    public func start(snapshot: [UInt8]) throws(PluginError) {
        _ = try target.invoke(.consensusStart, [snapshot], [])
    }

    /// One event in, effects out, in the order in which they are to be applied (CON-3).
    public func step(_ event: ConsensusEvent) throws(PluginError) -> [ConsensusEffect] {
        let bytes = event.encoded()
        if let direct {
            try stepInPlace(bytes, direct)
            return try ConsensusEffect.decode(effects.bytes, plugin: manifest.id)
        }
        return try ConsensusEffect.decode(try target.invoke(.step, [bytes], [])[0], plugin: manifest.id)
    }

    /// The raw form of `step`, for benchmarks and checks: records in, records out.
    public func step(encoded event: [UInt8]) throws(PluginError) -> [UInt8] {
        if let direct {
            try stepInPlace(event, direct)
            return effects.bytes
        }
        return try target.invoke(.step, [event], [])[0]
    }

    /// A call in this process and nothing else; the effects stay in the buffer.
    @inline(__always)
    private func stepInPlace(_ event: [UInt8], _ direct: DirectTarget) throws(PluginError) {
        guard let instance = direct.instance else {
            throw direct.fault(.closed, "step", "the instance is closed")
        }
        let table = UnsafeRawPointer(instance).assumingMemoryBound(to: vin_consensus.self)
        effects.clear()
        let status = direct.lane {
            event.lend { table.pointee.step?(table.pointee.plugin_data, $0, effects.sink) ?? -1 }
        }
        if effects.hasOverflowed {
            throw direct.fault(.overflow, "step", "more than \(effects.limit) bytes of effects (CON-10)")
        }
        try direct.check(status, "step")
    }

    public func snapshot() throws(PluginError) -> [UInt8] { try target.invoke(.snapshot, [], [])[0] }

    public func stop() throws(PluginError) { _ = try target.invoke(.stop, [], []) }
}
