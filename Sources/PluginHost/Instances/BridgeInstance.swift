/// A bridge. See `draft/bridge.h` for the records and for what the calls promise.
public final class BridgeInstance: PluginInstance {
    /// What became final after the cursor (records), and the new cursor, which the caller stores after it has
    /// handled the records (BRI-1).
    public func observe(
        cursor: [UInt8], limit: UInt32, wait: Duration
    ) throws(PluginError) -> (records: [UInt8], cursor: [UInt8]) {
        let answer = try target.invoke(
            .observe, [cursor, withUnsafeBytes(of: limit) { Array($0) }, Plain.bytes(wait.wholeMilliseconds)], [])
        guard answer.count == 2, answer[1].count <= 256 else {
            throw malformed("observe", "the cursor is longer than 256 bytes (BRI-1)")
        }
        var decoder = RecordDecoder(answer[0], plugin: manifest.id, call: "observe")
        while try decoder.next() != nil {}
        return (answer[0], answer[1])
    }

    public func prove(deposit: [UInt8]) throws(PluginError) -> [UInt8] { try target.invoke(.prove, [deposit], [])[0] }

    public func submit(withdrawal: [UInt8]) throws(PluginError) -> [UInt8] {
        try target.invoke(.submit, [withdrawal], [])[0]
    }

    public func confirm(withdrawal: [UInt8]) throws(PluginError) -> (outcome: [UInt8], proof: [UInt8]) {
        let answer = try target.invoke(.confirm, [withdrawal], [])
        guard answer.count == 2 else { throw malformed("confirm", "two answers are expected") }
        return (answer[0], answer[1])
    }
}
