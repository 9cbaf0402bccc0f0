import CVinculum
import Primitives

/// An instance of a plugin. Not `Sendable`: it belongs to the thread that uses it, or to a `PluginLane`.
public class PluginInstance {
    public let manifest: Manifest
    let target: any CallTarget

    init(_ manifest: Manifest, _ target: any CallTarget) {
        self.manifest = manifest
        self.target = target
    }

    /// Whether the plugin runs in a process of its own.
    public var isIsolated: Bool { !(target is DirectTarget) }

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
        if target is DirectTarget {
            try stepInPlace(bytes)
            return try ConsensusEffect.decode(effects.bytes, plugin: manifest.id)
        }
        return try ConsensusEffect.decode(try target.invoke(.step, [bytes], [])[0], plugin: manifest.id)
    }

    /// The raw form of `step`, for benchmarks and checks: records in, records out.
    public func step(encoded event: [UInt8]) throws(PluginError) -> [UInt8] {
        if target is DirectTarget {
            try stepInPlace(event)
            return effects.bytes
        }
        return try target.invoke(.step, [event], [])[0]
    }

    /// A call in this process and nothing else; the effects stay in the buffer.
    @inline(__always)
    func stepInPlace(_ event: [UInt8]) throws(PluginError) {
        guard let direct = target as? DirectTarget else { return }
        try StepPath(direct).step(event, effects, direct)
    }

    public func snapshot() throws(PluginError) -> [UInt8] { try target.invoke(.snapshot, [], [])[0] }

    public func stop() throws(PluginError) { _ = try target.invoke(.stop, [], []) }

    /// The path of a step without casts, for a loop that keeps it: what a call in this process costs.
    struct StepPath {
        let table: UnsafePointer<vin_consensus>

        init(_ target: DirectTarget) throws(PluginError) {
            guard let instance = target.instance else {
                throw PluginError(.closed, plugin: target.plugin, call: "step", "the instance is closed")
            }
            table = UnsafeRawPointer(instance).assumingMemoryBound(to: vin_consensus.self)
        }

        @inline(__always)
        func step(_ event: [UInt8], _ sink: SinkBuffer, _ target: DirectTarget) throws(PluginError) {
            sink.clear()
            let status = target.lane {
                event.lend { table.pointee.step?(table.pointee.plugin_data, $0, sink.sink) ?? -1 }
            }
            if sink.hasOverflowed {
                throw target.fault(.overflow, "step", "more than \(sink.limit) bytes of effects (CON-10)")
            }
            try target.check(status, "step")
        }
    }
}
