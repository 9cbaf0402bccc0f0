/// Reads canonical DAG-CBOR, and refuses everything else: whatever is accepted encodes to the same bytes again.
///
/// A decoder reads a borrowed buffer, allocates nothing but what it returns, and checks each item as it is read.
/// Nesting: generic values, skipped items and `list` count their depth against `maximumDepth`; a record's own arrays
/// are bounded by its type.
///
/// Safety: the pointer is valid only while `CBORDecoder.read` runs. The type cannot be copied and is handed out only
/// `inout` there, so that it does not outlive the closure; every access is checked against `count` first.
public struct CBORDecoder: ~Copyable {
    @usableFromInline let base: UnsafeRawPointer
    /// The bytes in the buffer.
    public let count: Int
    /// The bytes read so far.
    public internal(set) var offset: Int = 0
    public let maximumDepth: Int
    var depth = 0

    /// The limit of nesting that the protocol sets.
    public static let defaultMaximumDepth = 16

    @usableFromInline
    init(borrowing buffer: UnsafeRawBufferPointer, maximumDepth: Int) {
        // An empty buffer may have no address; a pointer that is never read stands in for it.
        base = buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        count = buffer.count
        self.maximumDepth = maximumDepth
    }

    /// Reads one item from the whole of `bytes`; bytes that follow it are an error.
    @inlinable
    public static func read<Result>(
        _ bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth,
        _ body: (inout CBORDecoder) throws(CBORError) -> Result
    ) throws(CBORError) -> Result {
        try read(bytes.span.bytes, maximumDepth: maximumDepth, body)
    }

    /// Reads one item from the whole of `span`; bytes that follow it are an error.
    @inlinable
    public static func read<Result>(
        _ span: RawSpan, maximumDepth: Int = defaultMaximumDepth,
        _ body: (inout CBORDecoder) throws(CBORError) -> Result
    ) throws(CBORError) -> Result {
        try span.withUnsafeBytes { (buffer) throws(CBORError) -> Result in
            var decoder = CBORDecoder(borrowing: buffer, maximumDepth: maximumDepth)
            let result = try body(&decoder)
            guard decoder.offset == decoder.count else {
                throw CBORError(.trailingBytes, "bytes follow the item", at: decoder.offset)
            }
            return result
        }
    }

    /// Nothing is left.
    public var isAtEnd: Bool { offset == count }

    /// An error at the next byte; for `init(from:)` of records whose value is wrong.
    public func invalid(_ reason: String) -> CBORError { CBORError(.invalidValue, reason, at: offset) }

    func failure(_ code: CBORError.Code, _ reason: String) -> CBORError { CBORError(code, reason, at: offset) }

    // MARK: Heads

    /// Reads a head; the argument is in its shortest form.
    @inline(__always)
    mutating func head() throws(CBORError) -> (major: UInt8, argument: UInt64) {
        guard offset < count else { throw failure(.truncated, "an item is missing") }
        let first = base.load(fromByteOffset: offset, as: UInt8.self)
        let low = first & 31
        if low < 24 {
            offset += 1
            return (first >> 5, UInt64(low))
        }
        return (first >> 5, try longArgument(low))
    }

    private mutating func longArgument(_ low: UInt8) throws(CBORError) -> UInt64 {
        guard low < 28 else { throw failure(.notDefinite, "an indefinite length or a reserved head") }
        let width = 1 << Int(low - 24)
        guard count - offset > width else { throw failure(.truncated, "ends inside a head") }
        let place = base + (offset + 1)
        let value: UInt64
        let least: UInt64
        switch low {
        case 24: (value, least) = (UInt64(place.load(as: UInt8.self)), 24)
        case 25: (value, least) = (UInt64(UInt16(bigEndian: place.loadUnaligned(as: UInt16.self))), 0x100)
        case 26: (value, least) = (UInt64(UInt32(bigEndian: place.loadUnaligned(as: UInt32.self))), 0x1_0000)
        default: (value, least) = (UInt64(bigEndian: place.loadUnaligned(as: UInt64.self)), 0x1_0000_0000)
        }
        guard value >= least else { throw failure(.notShortest, "a longer head than needed") }
        offset += 1 + width
        return value
    }

    /// Reads the head of the wanted type, or fails at it.
    @inline(__always)
    mutating func head(_ wanted: UInt8, _ name: StaticString) throws(CBORError) -> UInt64 {
        let start = offset
        let (major, argument) = try head()
        guard major == wanted else {
            offset = start
            throw failure(.unexpectedType, "\(name) was expected")
        }
        return argument
    }

    /// A length of bytes, or a count of items of at least `least` bytes each, that the rest of the buffer can hold.
    @inline(__always)
    func bounded(_ argument: UInt64, least: Int = 1) throws(CBORError) -> Int {
        guard argument <= UInt64((count - offset) / least) else {
            throw failure(.truncated, "a length or count beyond the end")
        }
        return Int(argument)
    }

    // MARK: Items

    /// The type of the next item, or nil at the end or before something that DAG-CBOR does not have.
    public var nextKind: CBORKind? {
        guard offset < count else { return nil }
        let first = base.load(fromByteOffset: offset, as: UInt8.self)
        switch first >> 5 {
        case 0: return .unsigned
        case 1: return .negative
        case 2: return .bytes
        case 3: return .text
        case 4: return .array
        case 5: return .map
        case 6: return .link
        default:
            switch first {
            case 0xf4, 0xf5: return .bool
            case 0xf6: return .null
            case 0xfb: return .float
            default: return nil
            }
        }
    }

    /// The head of an array; the caller reads so many items.
    public mutating func array() throws(CBORError) -> Int { try bounded(try head(4, "an array")) }

    /// The head of an array that has exactly `expected` items: a record.
    public mutating func array(count expected: Int) throws(CBORError) {
        let start = offset
        let found = try head(4, "an array")
        guard found == UInt64(expected) else {
            offset = start
            throw failure(.wrongCount, "a record of \(expected) items was expected, not \(found)")
        }
    }

    public mutating func unsigned() throws(CBORError) -> UInt64 { try head(0, "an unsigned integer") }

    /// An unsigned integer that fits `type`.
    @inlinable
    public mutating func unsigned<Value: UnsignedInteger & FixedWidthInteger>(
        as type: Value.Type
    ) throws(CBORError) -> Value {
        let start = offset
        let wide = try unsigned()
        guard let value = Value(exactly: wide) else {
            throw CBORError(.outOfRange, "\(wide) does not fit \(type)", at: start)
        }
        return value
    }

    /// An integer of either sign that fits `Int64`.
    public mutating func integer() throws(CBORError) -> Int64 {
        let start = offset
        let (major, argument) = try head()
        guard major < 2 else {
            offset = start
            throw failure(.unexpectedType, "an integer was expected")
        }
        guard argument <= UInt64(Int64.max) else {
            offset = start
            throw failure(.outOfRange, "the integer does not fit 64 bits with a sign")
        }
        return major == 0 ? Int64(argument) : ~Int64(argument)
    }

    /// An integer of either sign that fits `type`.
    @inlinable
    public mutating func integer<Value: SignedInteger & FixedWidthInteger>(
        as type: Value.Type
    ) throws(CBORError) -> Value {
        let start = offset
        let wide = try integer()
        guard let value = Value(exactly: wide) else {
            throw CBORError(.outOfRange, "\(wide) does not fit \(type)", at: start)
        }
        return value
    }

    /// Hands the content of a byte string to the closure, without a copy.
    public mutating func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(CBORError) -> Result {
        let length = try bounded(try head(2, "a byte string"))
        let result = body(UnsafeRawBufferPointer(start: base + offset, count: length))
        offset += length
        return result
    }

    public mutating func bytes() throws(CBORError) -> [UInt8] { try withBytes { [UInt8]($0) } }

    /// A byte string of exactly `expected` bytes.
    public mutating func bytes(count expected: Int) throws(CBORError) -> [UInt8] {
        let start = try fixedBytes(expected)
        return [UInt8](UnsafeRawBufferPointer(start: start, count: expected))
    }

    /// Moves over a byte string of exactly `expected` bytes and returns where its content starts.
    @inline(__always)
    mutating func fixedBytes(_ expected: Int) throws(CBORError) -> UnsafeRawPointer {
        let start = offset
        let length = try head(2, "a byte string")
        guard length == UInt64(expected) else {
            offset = start
            throw failure(.wrongCount, "\(expected) bytes were expected, not \(length)")
        }
        _ = try bounded(length)
        let place = base + offset
        offset += expected
        return place
    }

    public mutating func digest() throws(CBORError) -> Digest {
        Digest(storage: Bytes32(unchecked: try fixedBytes(32)))
    }

    public mutating func text() throws(CBORError) -> String {
        let length = try bounded(try head(3, "a text"))
        let utf8 = UnsafeRawBufferPointer(start: base + offset, count: length)
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw failure(.invalidUTF8, "the text is not UTF-8")
        }
        offset += length
        return text
    }

    public mutating func bool() throws(CBORError) -> Bool {
        guard offset < count else { throw failure(.truncated, "an item is missing") }
        switch base.load(fromByteOffset: offset, as: UInt8.self) {
        case 0xf4:
            offset += 1
            return false
        case 0xf5:
            offset += 1
            return true
        default: throw failure(.unexpectedType, "true or false was expected")
        }
    }

    /// Moves over a null if one is next.
    public mutating func skipNull() -> Bool {
        guard offset < count, base.load(fromByteOffset: offset, as: UInt8.self) == 0xf6 else { return false }
        offset += 1
        return true
    }

    /// A finite float of 64 bits.
    public mutating func float() throws(CBORError) -> Double {
        guard offset < count else { throw failure(.truncated, "an item is missing") }
        switch base.load(fromByteOffset: offset, as: UInt8.self) {
        case 0xfb: break
        case 0xf9, 0xfa: throw failure(.invalidFloat, "a float that is not 64 bits wide")
        default: throw failure(.unexpectedType, "a float was expected")
        }
        guard count - offset > 8 else { throw failure(.truncated, "ends inside a float") }
        let value = Double(bitPattern: UInt64(bigEndian: (base + (offset + 1)).loadUnaligned(as: UInt64.self)))
        guard value.isFinite else { throw failure(.invalidFloat, "NaN or infinity") }
        offset += 9
        return value
    }

    public mutating func link() throws(CBORError) -> CID {
        let start = offset
        if let link = commonLink() { return link }
        let tag = try head(6, "a link")
        guard tag == 42 else {
            offset = start
            throw failure(.unsupported, "tag \(tag); DAG-CBOR has only 42")
        }
        let content = try withBytes { [UInt8]($0) }
        guard content.first == 0 else {
            throw CBORError(.invalidLink, "the content of a link starts with a zero byte", at: start)
        }
        do {
            return try CID(bytes: content.dropFirst())
        } catch {
            throw CBORError(.invalidLink, error.description, at: start)
        }
    }

    /// Reads a link of the one form that this system makes, without a copy; nil, without moving, for any other.
    @inline(__always)
    private mutating func commonLink() -> CID? {
        // Tag 42, 39 bytes: zero, version 1, the codec, BLAKE2b-256 of 32 bytes.
        guard count - offset >= 43 else { return nil }
        let place = base + offset
        guard UInt32(bigEndian: place.loadUnaligned(as: UInt32.self)) == 0xd82a_5827,
            UInt16(bigEndian: place.loadUnaligned(fromByteOffset: 4, as: UInt16.self)) == 0x0001,
            UInt32(bigEndian: place.loadUnaligned(fromByteOffset: 7, as: UInt32.self)) == 0xa0e4_0220,
            let codec = CID.Codec(rawValue: place.load(fromByteOffset: 6, as: UInt8.self))
        else { return nil }
        offset += 43
        return CID(codec: codec, digest: Digest(storage: Bytes32(unchecked: place + 11)))
    }
}
