import CVinculum

/// A bridge: `draft/bridge.h` is its specification. Records are read with `RecordReader` and written with
/// `RecordWriter`. All calls are [lane].
public protocol BridgePlugin: Plugin {
    /// What became final after the cursor, and the new cursor (at most 256 bytes, BRI-1).
    func observe(
        cursor: [UInt8], limit: UInt32, waitMilliseconds: UInt64, records: inout RecordWriter
    ) throws(PluginFailure) -> [UInt8]

    /// The proof of a deposit record, in the Bridging module's format.
    func prove(deposit: [UInt8]) throws(PluginFailure) -> [UInt8]

    /// Submits a withdrawal record and answers an outcome record; idempotent (BRI-3).
    func submit(withdrawal: [UInt8], outcome: inout RecordWriter) throws(PluginFailure)

    /// Where a withdrawal record stands, and its proof if it is final.
    func confirm(withdrawal: [UInt8], outcome: inout RecordWriter) throws(PluginFailure) -> [UInt8]
}

final class BridgeGlue: Glue<any BridgePlugin, vin_bridge> {
    static func create(
        _ host: UnsafePointer<vin_host>?, _ id: vin_bytes, _ out: UnsafeMutablePointer<UnsafePointer<vin_instance>?>?
    ) -> vin_status {
        makeInstance(.bridge, host, id, out) { type, access in
            (type as? any BridgePlugin.Type).map { BridgeGlue($0.init(host: access), access, table) }
        } setData: {
            $0.pointee.plugin_data = $1
        }
    }

    private static var table: vin_bridge {
        vin_bridge(
            struct_size: UInt32(MemoryLayout<vin_bridge>.size), reserved: 0, plugin_data: nil,
            configure: { data, settings in
                BridgeGlue.call(data) { glue throws(PluginFailure) in
                    try PluginKit.configure(glue.plugin, glue.host, settings)
                }
            },
            destroy: { PluginKit.release($0, BridgeGlue.self) },
            observe: { data, cursor, limit, wait, records, next in
                BridgeGlue.call(data) { glue throws(PluginFailure) in
                    var writer = RecordWriter()
                    let new = try glue.plugin.observe(
                        cursor: Array(cursor.raw), limit: limit, waitMilliseconds: wait, records: &writer)
                    try required(records).append(writer.bytes)
                    try required(next).append(new)
                }
            },
            prove: { data, deposit, proof in
                BridgeGlue.call(data) { glue throws(PluginFailure) in
                    try required(proof).append(try glue.plugin.prove(deposit: Array(deposit.raw)))
                }
            },
            submit: { data, withdrawal, outcome in
                BridgeGlue.call(data) { glue throws(PluginFailure) in
                    var writer = RecordWriter()
                    try glue.plugin.submit(withdrawal: Array(withdrawal.raw), outcome: &writer)
                    try required(outcome).append(writer.bytes)
                }
            },
            confirm: { data, withdrawal, outcome, proof in
                BridgeGlue.call(data) { glue throws(PluginFailure) in
                    var writer = RecordWriter()
                    let bytes = try glue.plugin.confirm(withdrawal: Array(withdrawal.raw), outcome: &writer)
                    try required(outcome).append(writer.bytes)
                    try required(proof).append(bytes)
                }
            })
    }

    @inline(__always)
    private static func call(
        _ data: UnsafeMutableRawPointer?, _ body: (BridgeGlue) throws(PluginFailure) -> Void
    ) -> vin_status {
        with(data, BridgeGlue.self) { glue in glue.answer { () throws(PluginFailure) in try body(glue) } }
    }
}
