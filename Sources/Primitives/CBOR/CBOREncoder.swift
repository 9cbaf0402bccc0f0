/// Writes canonical DAG-CBOR (RFC 8949, with IPLD's DAG-CBOR rules): shortest heads, definite lengths, 64-bit floats,
/// links as tag 42. A value of one thread.
///
/// Records are written as arrays: `array(count:)`, then so many items. The caller keeps the count; maps take their
/// entries as a whole, so that their keys are in order.
public struct CBOREncoder: ~Copyable {
    /// What was written.
    public private(set) var bytes: [UInt8]

    public init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Ends the encoder and hands its bytes over.
    public consuming func finish() -> [UInt8] { bytes }

    private mutating func head(_ major: UInt8, _ value: UInt64) {
        let type = major << 5
        switch value {
        case 0..<24:
            bytes.append(type | UInt8(truncatingIfNeeded: value))
        case 24..<0x100:
            bytes.append(type | 24)
            bytes.append(UInt8(truncatingIfNeeded: value))
        case 0x100..<0x1_0000:
            bytes.append(type | 25)
            append(UInt16(truncatingIfNeeded: value))
        case 0x1_0000..<0x1_0000_0000:
            bytes.append(type | 26)
            append(UInt32(truncatingIfNeeded: value))
        default:
            bytes.append(type | 27)
            append(value)
        }
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func array(count: Int) { head(4, UInt64(count)) }

    public mutating func unsigned(_ value: UInt64) { head(0, value) }

    @inlinable
    public mutating func unsigned(_ value: some UnsignedInteger & FixedWidthInteger) { unsigned(UInt64(value)) }

    public mutating func integer(_ value: Int64) {
        if value >= 0 { head(0, UInt64(value)) } else { head(1, UInt64(bitPattern: ~value)) }
    }

    @inlinable
    public mutating func integer(_ value: some SignedInteger & FixedWidthInteger) { integer(Int64(value)) }

    /// The integer -1 - `value`, for the half of the negative range that `Int64` does not reach.
    public mutating func negative(minusOneMinus value: UInt64) { head(1, value) }

    public mutating func bytes(_ value: [UInt8]) {
        head(2, UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    public mutating func bytes(_ buffer: UnsafeRawBufferPointer) {
        head(2, UInt64(buffer.count))
        bytes.append(contentsOf: buffer)
    }

    /// A byte string of one byte and a digest.
    mutating func bytes(_ first: UInt8, _ digest: Digest) {
        head(2, 33)
        bytes.append(first)
        digest.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    public mutating func text(_ value: String) {
        var value = value
        value.withUTF8 { utf8 in
            head(3, UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    public mutating func bool(_ value: Bool) { bytes.append(value ? 0xf5 : 0xf4) }

    public mutating func null() { bytes.append(0xf6) }

    /// A float of 64 bits. NaN and infinity do not exist in DAG-CBOR and are written as null, which no float reader
    /// takes.
    public mutating func float(_ value: Double) {
        guard value.isFinite else { return null() }
        bytes.append(0xfb)
        append(value.bitPattern)
    }

    public mutating func digest(_ value: Digest) { value.withUnsafeBytes { bytes($0) } }

    public mutating func link(_ value: ForeignCID) {
        head(6, 42)
        head(2, UInt64(value.bytes.count) + 1)
        bytes.append(0)
        bytes.append(contentsOf: value.bytes)
    }

    public mutating func link(_ value: CID) {
        head(6, 42)
        let isBLAKE2b = value.hashFunction == .blake2b256
        head(2, isBLAKE2b ? 39 : 37)
        bytes.append(0)
        bytes.append(1)
        bytes.append(value.codec.rawValue)
        // The number of the hash as a varint, then the length of the digest.
        if isBLAKE2b {
            append(0xa0e4_0220 as UInt32)
        } else {
            append(0x1220 as UInt16)
        }
        value.digest.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// A map of text keys, in canonical order whatever the order of `entries`. Of two entries with one key the later
    /// wins.
    public mutating func map(_ entries: some Sequence<(key: String, value: CBORValue)>) {
        let map = CBORMap(entries)
        head(5, UInt64(map.count))
        for entry in map.entries {
            text(entry.key)
            value(entry.value)
        }
    }

    /// The head of a map; the caller writes `count` keys and values, keys shortest first and then in the order of their
    /// bytes.
    public mutating func map(count: Int) { head(5, UInt64(count)) }

    @inlinable
    public mutating func value(_ value: some CBORCodable) { value.encode(to: &self) }

    @inlinable
    public mutating func list(_ values: some Collection<some CBORCodable>) {
        array(count: values.count)
        for value in values { value.encode(to: &self) }
    }

    /// The value, or null.
    @inlinable
    public mutating func optional(_ value: (some CBORCodable)?) {
        if let value { value.encode(to: &self) } else { null() }
    }

    /// Bytes that are already one canonical item, such as the body of a signed envelope.
    public mutating func encoded(_ item: [UInt8]) { bytes.append(contentsOf: item) }
}
