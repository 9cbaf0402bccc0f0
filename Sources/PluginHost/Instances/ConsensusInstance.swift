import CVinculum
import Primitives

/// An instance of a plugin. Not `Sendable`: it belongs to the thread that uses it, or to a `PluginLane`.
public class PluginInstance {
    public let manifest: Manifest
    let target: any CallTarget
    /// The target where it is in this process. Asked once: a cast costs more than a call. Uncounted: `target` holds it
    /// as long as this object lives, and counting takes longer than a call.
    let direct: Unmanaged<DirectTarget>?

    init(_ manifest: Manifest, _ target: any CallTarget) {
        self.manifest = manifest
        self.target = target
        direct = (target as? DirectTarget).map(Unmanaged.passUnretained)
    }

    /// Whether the plugin runs in a process of its own.
    public var isIsolated: Bool { direct == nil }

    /// Its process ended, or it was closed. Calls that need nothing of what it knew start a new process.
    public var isGone: Bool { target.isGone }

    /// Ends the instance; later calls throw `.closed`. Also done when the object dies.
    public func close() { target.close() }

    /// Becomes readable when a plugin that has the service attention asks for a call; nil where it has not.
    public var attentionDescriptor: Int32? {
        if let direct { return direct.takeUnretainedValue().context.attention.descriptor }
        return (target as? IsolatedTarget)?.attentionDescriptor
    }

    /// Whether the plugin has asked for a call (ATT-1) since this was asked last, or its process has ended meanwhile.
    /// Does not wait.
    public func takeWake() -> Bool {
        if let direct { return direct.takeUnretainedValue().context.attention.takeWake() }
        return (target as? IsolatedTarget)?.takeWake() ?? false
    }

    /// Whether `takeWake` is to be asked although the descriptor is not readable: what it would show came with a call.
    public var mayHaveWake: Bool {
        if let direct { return direct.takeUnretainedValue().context.attention.isAwake }
        return (target as? IsolatedTarget)?.mayHaveWake ?? false
    }

    /// What keeps the plugin from its work, as it says itself (ATT-2).
    public var complaint: String? {
        if let direct { return direct.takeUnretainedValue().context.attention.complaint }
        return (target as? IsolatedTarget)?.complaint
    }

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

    /// The raw form of `step`, for checks: records in, records out.
    public func step(encoded event: [UInt8]) throws(PluginError) -> [UInt8] {
        if let direct {
            try stepInPlace(event, direct)
            return effects.bytes
        }
        return try target.invoke(.step, [event], [])[0]
    }

    /// The raw form without a copy, of a plugin in this process: a call over the interface and what guards it.
    /// - Parameter event: One event's record.
    /// - Returns: How many bytes of effects there are; `ConsensusInstance.step(_:)` decodes them.
    public func stepInPlace(_ event: UnsafeRawBufferPointer) throws(PluginError) -> Int {
        guard let direct else {
            throw PluginError(.malformed, plugin: manifest.id, call: "step", "the plugin has a process of its own")
        }
        try call(vin_bytes(event), direct)
        return effects.count
    }

    private func stepInPlace(_ event: [UInt8], _ direct: Unmanaged<DirectTarget>) throws(PluginError) {
        var failure: PluginError?
        event.lend { bytes in
            do throws(PluginError) { try call(bytes, direct) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// A call in this process and nothing else; the effects stay in the buffer, which this object holds as it holds the
    /// target: both outlive the call, since the caller holds this object.
    @inline(__always)
    private func call(_ event: vin_bytes, _ direct: Unmanaged<DirectTarget>) throws(PluginError) {
        let status = direct._withUnsafeGuaranteedRef { target -> vin_status? in
            guard let instance = target.instance else { return nil }
            let table = UnsafeRawPointer(instance).assumingMemoryBound(to: vin_consensus.self)
            return Unmanaged.passUnretained(effects)._withUnsafeGuaranteedRef { effects in
                effects.clear()
                let sink = effects.sink
                return target.lane { table.pointee.step?(table.pointee.plugin_data, event, sink) ?? -1 }
            }
        }
        if status == 0, !effects.hasOverflowed { return }
        throw fault(direct.takeUnretainedValue(), status)
    }

    @inline(never)
    private func fault(_ target: DirectTarget, _ status: vin_status?) -> PluginError {
        guard let status else { return target.fault(.closed, "step", "the instance is closed") }
        if effects.hasOverflowed {
            _ = target.context.takeReport()
            return target.fault(.overflow, "step", "more than \(effects.limit) bytes of effects (CON-10)")
        }
        return target.failure(status, "step")
    }

    public func snapshot() throws(PluginError) -> [UInt8] { try target.invoke(.snapshot, [], [])[0] }

    public func stop() throws(PluginError) { _ = try target.invoke(.stop, [], []) }
}
