/// A value with one canonical encoding. What is accepted by `init(from:)` must encode to the same bytes.
public protocol CBORCodable {
    func encode(to encoder: inout CBOREncoder)
    init(from decoder: inout CBORDecoder) throws(CBORError)
}

extension CBORCodable {
    /// The canonical encoding.
    @inlinable
    public func encoded() -> [UInt8] {
        var encoder = CBOREncoder()
        encode(to: &encoder)
        return encoder.finish()
    }

    /// The value that `bytes`, all of them, encode.
    @inlinable
    public static func decode(
        _ bytes: [UInt8], maximumDepth: Int = CBORDecoder.defaultMaximumDepth
    ) throws(CBORError) -> Self {
        try CBORDecoder.read(bytes, maximumDepth: maximumDepth) { (decoder) throws(CBORError) in
            try Self(from: &decoder)
        }
    }

    /// The value that the whole of `span` encodes.
    @inlinable
    public static func decode(
        _ span: RawSpan, maximumDepth: Int = CBORDecoder.defaultMaximumDepth
    ) throws(CBORError) -> Self {
        try CBORDecoder.read(span, maximumDepth: maximumDepth) { (decoder) throws(CBORError) in
            try Self(from: &decoder)
        }
    }

    /// The CID (DAG-CBOR, BLAKE2b-256) of the encoding.
    public var contentID: CID { CID.of(dagCBOR: encoded()) }
}

extension CBORCodable where Self: FixedWidthInteger & UnsignedInteger {
    public func encode(to encoder: inout CBOREncoder) { encoder.unsigned(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.unsigned(as: Self.self) }
}

extension CBORCodable where Self: FixedWidthInteger & SignedInteger {
    public func encode(to encoder: inout CBOREncoder) { encoder.integer(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.integer(as: Self.self) }
}

// UInt8 is left out, so that a byte array is never written as an array of integers by mistake.
extension UInt16: CBORCodable {}
extension UInt32: CBORCodable {}
extension UInt64: CBORCodable {}
extension Int32: CBORCodable {}
extension Int64: CBORCodable {}
extension Int: CBORCodable {}

extension Bool: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) { encoder.bool(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.bool() }
}

extension String: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) { encoder.text(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.text() }
}

extension Array: CBORCodable where Element: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) { encoder.list(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.list() }
}

extension Digest: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) { encoder.digest(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.digest() }
}

extension CID: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) { encoder.link(self) }
    public init(from decoder: inout CBORDecoder) throws(CBORError) { self = try decoder.link() }
}
