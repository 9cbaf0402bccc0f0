/// Any DAG-CBOR item as a tree: for sections whose shape the reader does not know. Records use `CBORCodable` types.
public enum CBORValue: Hashable, Sendable {
    case unsigned(UInt64)
    /// The integer -1 - n.
    case negative(UInt64)
    case bytes([UInt8])
    case text(String)
    case array([CBORValue])
    case map(CBORMap)
    case link(CID)
    /// A link that cannot be followed here.
    case foreignLink(ForeignCID)
    case bool(Bool)
    case null
    case float(Double)

    public static func integer(_ value: Int64) -> CBORValue {
        value >= 0 ? .unsigned(UInt64(value)) : .negative(UInt64(bitPattern: ~value))
    }

    /// The bytes of any record as a tree, or its error.
    public init(encoded bytes: [UInt8]) throws(CBORError) { self = try CBORValue.decode(bytes) }

    // MARK: Access

    public var unsigned: UInt64? { if case .unsigned(let value) = self { value } else { nil } }
    public var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    public var text: String? { if case .text(let value) = self { value } else { nil } }
    public var array: [CBORValue]? { if case .array(let value) = self { value } else { nil } }
    public var map: CBORMap? { if case .map(let value) = self { value } else { nil } }
    public var link: CID? { if case .link(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var float: Double? { if case .float(let value) = self { value } else { nil } }
    public var isNull: Bool { self == .null }

    /// An integer of either sign, if it fits `Int64`.
    public var integer: Int64? {
        switch self {
        case .unsigned(let value): Int64(exactly: value)
        case .negative(let value): Int64(exactly: value).map { ~$0 }
        default: nil
        }
    }

    /// The value of a key, if this is a map that has it.
    public subscript(key: String) -> CBORValue? { map?[key] }
}

extension CBORValue: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) {
        switch self {
        case .unsigned(let value): encoder.unsigned(value)
        case .negative(let value): encoder.negative(minusOneMinus: value)
        case .bytes(let value): encoder.bytes(value)
        case .text(let value): encoder.text(value)
        case .array(let values): encoder.list(values)
        case .map(let map):
            encoder.map(count: map.count)
            for entry in map.entries {
                encoder.text(entry.key)
                entry.value.encode(to: &encoder)
            }
        case .link(let value): encoder.link(value)
        case .foreignLink(let value): encoder.link(value)
        case .bool(let value): encoder.bool(value)
        case .null: encoder.null()
        case .float(let value): encoder.float(value)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        switch decoder.nextKind {
        case .unsigned: self = .unsigned(try decoder.unsigned())
        case .negative: self = .negative(try decoder.head(1, "a negative integer"))
        case .bytes: self = .bytes(try decoder.bytes())
        case .text: self = .text(try decoder.text())
        case .array: self = .array(try decoder.list())
        case .map:
            var entries: [CBORMap.Entry] = []
            try decoder.map { (key, decoder) throws(CBORError) in
                entries.append(.init(key: key, value: try CBORValue(from: &decoder)))
            }
            self = .map(CBORMap(inOrder: entries))
        case .link:
            switch try decoder.anyLink() {
            case .known(let link): self = .link(link)
            case .foreign(let link): self = .foreignLink(link)
            }
        case .bool: self = .bool(try decoder.bool())
        case .null:
            _ = decoder.skipNull()
            self = .null
        case .float: self = .float(try decoder.float())
        case nil: throw decoder.unreadable()
        }
    }
}

extension CBORValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral {
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(stringLiteral value: String) { self = .text(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension CBORValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    public init(arrayLiteral elements: CBORValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, CBORValue)...) {
        self = .map(CBORMap(elements.map { (key: $0.0, value: $0.1) }))
    }
}
