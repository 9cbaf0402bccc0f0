// @NAME@: a bridge plugin in Swift.
//
// Steps: 1. Read draft/bridge.h: it is the specification; PluginKit is its Swift face. 2. Fill in the functions marked
// "Step". 3. `swift build -c release`, then `vinculum plugin check .`. 4. Write README.md: what it does, its settings,
// its limits.
import CVinculum
import PluginKit

@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? { PluginLibrary.entry(.bridge(MyPlugin.self)) }

/// Watches a chain on which nothing happens. Where your chain goes.
final class MyPlugin: BridgePlugin {
    static var description: PluginDescription {
        PluginDescription(id: "@ID@", version: "0.1.0", vendor: "@VENDOR@", licence: "Apache-2.0")
    }

    init(host: HostAccess) {}

    // Step: ask the foreign chain what became final after the cursor.
    func observe(
        cursor: [UInt8], limit: UInt32, waitMilliseconds: UInt64, records: inout RecordWriter
    ) throws(PluginFailure) -> [UInt8] {
        guard cursor.count <= 256 else { throw PluginFailure(.invalid, "a cursor has at most 256 bytes") }
        records.append(vin_bridge_finalized(), kind: UInt32(VIN_BRIDGE_FINALIZED))
        return cursor
    }

    func prove(deposit: [UInt8]) throws(PluginFailure) -> [UInt8] {
        throw PluginFailure(.notFound, "no deposit was observed")
    }

    func submit(withdrawal: [UInt8], outcome: inout RecordWriter) throws(PluginFailure) {
        throw PluginFailure(.unavailable, "there is no foreign chain to submit to")
    }

    func confirm(withdrawal: [UInt8], outcome: inout RecordWriter) throws(PluginFailure) -> [UInt8] {
        throw PluginFailure(.notFound, "no withdrawal was submitted")
    }
}
