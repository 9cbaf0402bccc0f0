package import EtcdEngine
package import PluginKit

/// The keys of one chain in the cluster, and what stands in them: text that etcdctl shows as it is.
///
/// `PREFIX CHAIN/b/HEIGHT/ROUND` holds `1 HEADER_ID`, `PREFIX CHAIN/cutter` a validator's key; numbers have so many
/// digits that the order of the keys is theirs.
package struct EtcdKeys: Sendable {
    let base: String

    package init(prefix: String, chain: Bytes32) { base = "\(prefix)\(Self.hex(chain))/" }

    package var cutter: String { "\(base)cutter" }

    package func entry(_ place: LogPlace) -> String {
        "\(entries(from: place.height))\(Self.padded(UInt64(place.round), 10))"
    }

    /// The first key of a height.
    func entries(from height: UInt64) -> String { "\(base)b/\(Self.padded(height, 20))/" }

    /// Behind all entries: '0' is the character after '/'.
    var endOfEntries: String { "\(base)b0" }
    var end: String { "\(base.dropLast())0" }

    package static func value(_ id: Bytes32) -> String { "1 \(hex(id))" }

    /// Nil for a key that is none of an entry.
    package func place(_ key: [UInt8]) -> LogPlace? {
        let head = Array("\(base)b/".utf8)
        guard key.starts(with: head) else { return nil }
        let parts = key[head.count...].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == 20, parts[1].count == 10,
            let height = UInt64(String(decoding: parts[0], as: UTF8.self)),
            let round = UInt32(String(decoding: parts[1], as: UTF8.self)),
            key
                == Array(
                    entry(LogPlace(height: height, round: round)).utf8)
        else { return nil }
        return LogPlace(height: height, round: round)
    }

    package static func entry(_ value: [UInt8]) -> LogEntry {
        guard value.count == 66, value[0] == UInt8(ascii: "1"), value[1] == UInt8(ascii: " "),
            let id = id(String(decoding: value[2...], as: UTF8.self)), !id.isZero
        else { return .foreign }
        return .block(id)
    }

    static func hex(_ id: Bytes32) -> String {
        id.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    static func id(_ hex: String) -> Bytes32? {
        guard hex.utf8.count == 64 else { return nil }
        let digits = Array(hex.utf8)
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: 64, by: 2) {
            guard let byte = UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return Bytes32(bytes)
    }

    private static func padded(_ number: UInt64, _ digits: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

/// Requests as etcd's gateway takes them: a path and JSON with keys and values in Base64.
enum EtcdRequest {
    typealias Call = (path: String, body: String)

    private static func text(_ text: String) -> String { "\"\(Base64.encode(text.utf8))\"" }

    private static func range(_ key: String, _ end: String? = nil, limit: Int = 0) -> String {
        let more = end.map { ",\"range_end\":\(text($0)),\"limit\":\"\(limit)\"" } ?? ""
        return "{\"request_range\":{\"key\":\(text(key))\(more)}}"
    }

    static func authenticate(user: String, password: [UInt8]) -> Call {
        let password = JSON.quote(String(decoding: password, as: UTF8.self))
        return ("/v3/auth/authenticate", "{\"name\":\(JSON.quote(user)),\"password\":\(password)}")
    }

    /// Entries from a height on and the cutter, at one revision, confirmed by a majority of the cluster.
    static func look(_ keys: EtcdKeys, from height: UInt64, limit: Int) -> Call {
        let entries = range(keys.entries(from: height), keys.endOfEntries, limit: limit)
        return ("/v3/kv/txn", "{\"success\":[\(entries),\(range(keys.cutter))]}")
    }

    /// Writes where nothing is; answers what is there otherwise.
    static func putNew(_ key: String, _ value: String, lease: Int64? = nil) -> Call {
        let compare = "{\"key\":\(text(key)),\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\"}"
        let lease = lease.map { ",\"lease\":\"\($0)\"" } ?? ""
        let put = "{\"request_put\":{\"key\":\(text(key)),\"value\":\(text(value))\(lease)}}"
        return ("/v3/kv/txn", "{\"compare\":[\(compare)],\"success\":[\(put)],\"failure\":[\(range(key))]}")
    }

    static func watch(_ keys: EtcdKeys, from revision: Int64) -> Call {
        (
            "/v3/watch",
            "{\"create_request\":{\"key\":\(text(keys.base)),\"range_end\":\(text(keys.end)),"
                + "\"start_revision\":\"\(revision)\"}}"
        )
    }

    static func grant(seconds: Int64) -> Call { ("/v3/lease/grant", "{\"TTL\":\"\(seconds)\"}") }
    static func keepAlive(_ lease: Int64) -> Call { ("/v3/lease/keepalive", "{\"ID\":\"\(lease)\"}") }
    static func revoke(_ lease: Int64) -> Call { ("/v3/lease/revoke", "{\"ID\":\"\(lease)\"}") }

    static func deleteEntries(_ keys: EtcdKeys, below height: UInt64) -> Call {
        (
            "/v3/kv/deleterange",
            "{\"key\":\(text(keys.entries(from: 0))),\"range_end\":\(text(keys.entries(from: height)))}"
        )
    }

    static func compact(to revision: Int64) -> Call { ("/v3/kv/compaction", "{\"revision\":\"\(revision)\"}") }
}

/// A key with its value, from an answer.
struct EtcdPair {
    let key: [UInt8]
    let value: [UInt8]

    init?(_ json: JSON) {
        guard let key = json["key"]?.bytes else { return nil }
        self.key = key
        // An empty value is left out.
        value = json["value"]?.bytes ?? []
    }

    /// The pairs of one range among the answers of a transaction.
    static func pairs(_ response: JSON) -> [EtcdPair] {
        (response["response_range"]?["kvs"]?.list ?? []).compactMap { EtcdPair($0) }
    }
}
