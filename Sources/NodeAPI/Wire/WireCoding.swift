import Node
import Primitives

/// A value that crosses the HTTP interface: a map with spelled-out keys, sent as DAG-CBOR to programs and as JSON to
/// people. Bytes that are signed or hashed stay byte strings in it.
public protocol WireCodable {
    var wire: CBORValue { get }
    init(wire: WireReader) throws(ServiceError)
}

/// Reads one level of an answer, and says which field is wrong.
public struct WireReader {
    let value: CBORValue
    let place: String

    public init(_ value: CBORValue, place: String = "answer") {
        self.value = value
        self.place = place
    }

    func wrong(_ key: String, _ wanted: String) -> ServiceError {
        ServiceError(.badAnswer, "\(place).\(key) has to be \(wanted)", field: "\(place).\(key)")
    }

    func reader(_ key: String) throws(ServiceError) -> WireReader {
        guard let inner = value[key] else { throw wrong(key, "there") }
        return WireReader(inner, place: "\(place).\(key)")
    }

    func optional(_ key: String) -> WireReader? {
        guard let inner = value[key], !inner.isNull else { return nil }
        return WireReader(inner, place: "\(place).\(key)")
    }

    func items(_ key: String) throws(ServiceError) -> [WireReader] {
        guard let items = value[key]?.array else { throw wrong(key, "a list") }
        return items.enumerated().map { WireReader($1, place: "\(place).\(key)[\($0)]") }
    }

    func text(_ key: String) throws(ServiceError) -> String {
        guard let text = value[key]?.text else { throw wrong(key, "text") }
        return text
    }

    func bytes(_ key: String) throws(ServiceError) -> [UInt8] {
        guard let bytes = value[key]?.bytes else { throw wrong(key, "bytes") }
        return bytes
    }

    func unsigned(_ key: String) throws(ServiceError) -> UInt64 {
        guard let number = value[key]?.unsigned else { throw wrong(key, "an unsigned integer") }
        return number
    }

    func integer(_ key: String) throws(ServiceError) -> Int {
        guard let number = value[key]?.integer, let number = Int(exactly: number) else {
            throw wrong(key, "an integer")
        }
        return number
    }

    func bool(_ key: String) throws(ServiceError) -> Bool {
        guard let flag = value[key]?.bool else { throw wrong(key, "true or false") }
        return flag
    }

    func digest(_ key: String) throws(ServiceError) -> Digest {
        guard let digest = try? Digest(hex: try text(key)) else { throw wrong(key, "a digest in hex") }
        return digest
    }

    func account(_ key: String) throws(ServiceError) -> AccountID {
        guard let account = try? AccountID(text: try text(key)) else { throw wrong(key, "an account") }
        return account
    }

    func amount(_ key: String) throws(ServiceError) -> Amount {
        guard let amount = try? Amount(try text(key)) else { throw wrong(key, "an amount") }
        return amount
    }

    func cursor(_ key: String) throws(ServiceError) -> EventCursor {
        guard let cursor = EventCursor(text: try text(key)) else { throw wrong(key, "a cursor") }
        return cursor
    }
}

extension CBORValue {
    static func optionalBytes(_ bytes: [UInt8]?) -> CBORValue { bytes.map { .bytes($0) } ?? .null }
    static func optionalText(_ text: String?) -> CBORValue { text.map { .text($0) } ?? .null }

    /// The same tree with byte strings that hold DAG-CBOR opened under the given keys, for people.
    func opening(_ keys: Set<String>) -> CBORValue {
        switch self {
        case .array(let items): return .array(items.map { $0.opening(keys) })
        case .map(let map):
            var result = CBORMap()
            for entry in map.entries {
                if keys.contains(entry.key), case .bytes(let bytes) = entry.value,
                    let inner = try? CBORValue(encoded: bytes)
                {
                    result[entry.key] = inner
                } else {
                    result[entry.key] = entry.value.opening(keys)
                }
            }
            return .map(result)
        default: return self
        }
    }
}
