import CVinculum

/// A consensus engine: `draft/consensus.h` is its specification.
public protocol ConsensusPlugin: Plugin {
    /// [control & configured] Restores what the newest persist effect held; empty on the first start. Deterministic.
    func start(snapshot: [UInt8]) throws(PluginFailure)

    /// [lane & started] Takes one event and writes effects. Deterministic (CON-1, CON-2). When it throws, nothing
    /// that it wrote counts and its own state must be as before (CON-3).
    func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure)

    /// [lane & started] The engine's state. Deterministic.
    func snapshot() throws(PluginFailure) -> [UInt8]

    /// [control & started] The end of the work.
    func stop() throws(PluginFailure)
}

extension ConsensusPlugin {
    public func stop() throws(PluginFailure) {}
}

final class ConsensusGlue: Glue<any ConsensusPlugin, vin_consensus> {
    // Kept between steps for its capacity.
    private var effects = ConsensusEffects()

    static func create(
        _ host: UnsafePointer<vin_host>?, _ id: vin_bytes, _ out: UnsafeMutablePointer<UnsafePointer<vin_instance>?>?
    ) -> vin_status {
        makeInstance(.consensus, host, id, out) { type, access in
            (type as? any ConsensusPlugin.Type).map { ConsensusGlue($0.init(host: access), access, table) }
        } setData: {
            $0.pointee.plugin_data = $1
        }
    }

    func step(_ event: vin_bytes, _ sink: UnsafePointer<vin_sink>?) -> vin_status {
        answer { () throws(PluginFailure) in
            effects.removeAll()
            try plugin.step(try ConsensusEvent(event.raw), effects: &effects)
            if !effects.isEmpty { try required(sink).append(effects.bytes) }
        }
    }

    private static var table: vin_consensus {
        vin_consensus(
            struct_size: UInt32(MemoryLayout<vin_consensus>.size), reserved: 0, plugin_data: nil,
            configure: { data, settings in
                with(data, ConsensusGlue.self) { glue in
                    glue.answer { () throws(PluginFailure) in try PluginKit.configure(glue.plugin, glue.host, settings)
                    }
                }
            },
            destroy: { PluginKit.release($0, ConsensusGlue.self) },
            start: { data, snapshot in
                with(data, ConsensusGlue.self) { glue in
                    glue.answer { () throws(PluginFailure) in try glue.plugin.start(snapshot: Array(snapshot.raw)) }
                }
            },
            step: { data, event, sink in with(data, ConsensusGlue.self) { $0.step(event, sink) } },
            snapshot: { data, sink in
                with(data, ConsensusGlue.self) { glue in
                    glue.answer { () throws(PluginFailure) in try required(sink).append(try glue.plugin.snapshot()) }
                }
            },
            stop: { data in
                with(data, ConsensusGlue.self) { glue in
                    glue.answer { () throws(PluginFailure) in try glue.plugin.stop() }
                }
            })
    }
}
