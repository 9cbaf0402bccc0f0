public import CVinculum

/// Writes flat records (`record.h`) into one buffer.
public struct RecordWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Appends the struct of a record, whose first field is `vin_record`. Trailing bytes follow through
    /// `append(tail:)`, then `finish`. Returns where the record starts.
    mutating func begin<Record: BitwiseCopyable>(_ record: Record, kind: UInt32) -> Int {
        let start = bytes.count
        var record = record
        withUnsafeMutableBytes(of: &record) { raw in
            raw.storeBytes(of: kind.littleEndian, as: UInt32.self)
            bytes.append(contentsOf: raw)
        }
        return start
    }

    /// Appends trailing bytes and stores where they lie in the `vin_span` at `spanOffset` of the record.
    mutating func tail(_ tail: [UInt8], spanOffset: Int, record start: Int) {
        guard !tail.isEmpty else { return }
        pad(from: start)
        let offset = UInt32(truncatingIfNeeded: bytes.count - start)
        bytes.append(contentsOf: tail)
        bytes.withUnsafeMutableBytes { raw in
            raw.storeBytes(of: offset.littleEndian, toByteOffset: start + spanOffset, as: UInt32.self)
            raw.storeBytes(
                of: UInt32(truncatingIfNeeded: tail.count).littleEndian, toByteOffset: start + spanOffset + 4,
                as: UInt32.self)
        }
    }

    /// Writes the record's size and fills up to the next multiple of 8.
    mutating func finish(record start: Int) {
        let size = UInt32(truncatingIfNeeded: bytes.count - start)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: size.littleEndian, toByteOffset: start + 4, as: UInt32.self) }
        pad(from: start)
    }

    private mutating func pad(from start: Int) {
        while (bytes.count - start) % 8 != 0 { bytes.append(0) }
    }

    /// Appends a record of any struct that begins with `vin_record`; each tail names the field that points to it.
    public mutating func append<Record: BitwiseCopyable>(
        _ record: Record, kind: UInt32, tails: [(field: KeyPath<Record, vin_span>, bytes: [UInt8])] = []
    ) {
        let start = begin(record, kind: kind)
        for entry in tails {
            guard let offset = MemoryLayout<Record>.offset(of: entry.field) else { continue }
            tail(entry.bytes, spanOffset: offset, record: start)
        }
        finish(record: start)
    }
}

/// One record of a list, borrowed.
public struct RecordView {
    public let kind: UInt32
    let bytes: UnsafeRawBufferPointer

    /// The struct of the record. Fields that the writer did not know read as zero (BASE-1).
    /// - Throws: `.invalid` if the record is shorter than the struct.
    public func load<Record: BitwiseCopyable>(as: Record.Type) throws(PluginFailure) -> Record {
        guard bytes.count >= MemoryLayout<Record>.size else {
            throw PluginFailure(.invalid, "record of kind \(kind) has \(bytes.count) bytes, too few")
        }
        return bytes.loadUnaligned(as: Record.self)
    }

    /// The bytes that a span points to (REC-3).
    public func slice(_ span: vin_span) throws(PluginFailure) -> UnsafeRawBufferPointer {
        if span.size == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let end = UInt64(span.offset) + UInt64(span.size)
        guard span.offset >= 8, end <= UInt64(bytes.count) else {
            throw PluginFailure(.invalid, "a span of a record of kind \(kind) points outside")
        }
        return UnsafeRawBufferPointer(rebasing: bytes[Int(span.offset)..<Int(end)])
    }

    /// The structs that a span points to.
    public func array<Element: BitwiseCopyable>(
        _ span: vin_span, of: Element.Type
    ) throws(PluginFailure) -> [Element] {
        let raw = try slice(span)
        let stride = MemoryLayout<Element>.stride
        guard raw.count % stride == 0 else {
            throw PluginFailure(.invalid, "a span of a record of kind \(kind) holds no whole number of elements")
        }
        return (0..<raw.count / stride).map { raw.loadUnaligned(fromByteOffset: $0 * stride, as: Element.self) }
    }
}

/// Walks through a list of records and checks REC-1 and REC-2.
public struct RecordReader {
    private var rest: UnsafeRawBufferPointer

    public init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    /// The next record, or nil at the end of the list.
    public mutating func next() throws(PluginFailure) -> RecordView? {
        if rest.isEmpty { return nil }
        guard rest.count >= 8 else { throw PluginFailure(.invalid, "a list of records ends inside a record") }
        let kind = UInt32(littleEndian: rest.loadUnaligned(as: UInt32.self))
        let size = Int(UInt32(littleEndian: rest.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        guard size >= 8, size <= rest.count, size <= Int(recordSizeMaxBytes) else {
            throw PluginFailure(.invalid, "a record of kind \(kind) has the size \(size)")
        }
        let record = RecordView(kind: kind, bytes: UnsafeRawBufferPointer(rebasing: rest[0..<size]))
        let padded = min((size + 7) / 8 * 8, rest.count)
        rest = UnsafeRawBufferPointer(rebasing: rest[padded...])
        return record
    }
}

// VIN_RECORD_SIZE_MAX is an expression that the importer does not take over.
let recordSizeMaxBytes: UInt32 = 64 * 1024 * 1024
