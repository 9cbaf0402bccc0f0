import CVinculum
import Primitives

/// Writes flat records (record.h).
struct RecordEncoder {
    private(set) var bytes: [UInt8] = []

    /// Appends a struct that begins with `vin_record`, and tails at the `vin_span` fields.
    mutating func append<Record: BitwiseCopyable>(
        _ record: Record, kind: Int, tails: [(field: KeyPath<Record, vin_span>, bytes: [UInt8])] = []
    ) {
        let start = bytes.count
        bytes.append(contentsOf: Plain.bytes(record))
        for tail in tails where !tail.bytes.isEmpty {
            guard let field = MemoryLayout<Record>.offset(of: tail.field) else { continue }
            pad(start)
            store(UInt32(bytes.count - start), at: start + field)
            store(UInt32(tail.bytes.count), at: start + field + 4)
            bytes.append(contentsOf: tail.bytes)
        }
        store(UInt32(kind), at: start)
        store(UInt32(bytes.count - start), at: start + 4)
        pad(start)
    }

    private mutating func pad(_ start: Int) { while (bytes.count - start) % 8 != 0 { bytes.append(0) } }

    private mutating func store(_ value: UInt32, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self) }
    }
}

/// Reads what a plugin wrote; every rule of record.h is checked, because the bytes come from outside.
struct RecordDecoder {
    let bytes: [UInt8]
    let plugin: String
    let call: String
    private var position = 0

    init(_ bytes: [UInt8], plugin: String, call: String) {
        self.bytes = bytes
        self.plugin = plugin
        self.call = call
    }

    func fault(_ message: String) -> PluginError { PluginError(.malformed, plugin: plugin, call: call, message) }

    struct Record {
        let kind: UInt32
        let bytes: ArraySlice<UInt8>
    }

    mutating func next() throws(PluginError) -> Record? {
        guard position < bytes.count else { return nil }
        guard bytes.count - position >= 8 else { throw fault("the list ends inside a record (REC-1)") }
        let (kind, size) = bytes.withUnsafeBytes {
            (
                UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt32.self)),
                Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self)))
            )
        }
        guard size >= 8, size <= bytes.count - position else {
            throw fault("a record of kind \(kind) has the size \(size) (REC-2)")
        }
        let record = Record(kind: kind, bytes: bytes[position..<position + size])
        let end = position + (size + 7) / 8 * 8
        guard end <= bytes.count, bytes[(position + size)..<end].allSatisfy({ $0 == 0 }) else {
            throw fault("a record of kind \(kind) is not filled up with zeros to 8 bytes (REC-1)")
        }
        position = end
        return record
    }

    func load<Value: BitwiseCopyable>(_ record: Record, as: Value.Type) throws(PluginError) -> Value {
        guard record.bytes.count >= MemoryLayout<Value>.size else {
            throw fault("a record of kind \(record.kind) has \(record.bytes.count) bytes, too few (REC-2)")
        }
        return record.bytes.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    /// What is reserved may mean something one day: whoever sets it expects what this host does not do.
    func requireZero(_ reserved: UInt32, _ record: Record) throws(PluginError) {
        guard reserved == 0 else { throw fault("a record of kind \(record.kind) sets a reserved field (BASE-3)") }
    }

    func slice(_ record: Record, _ span: vin_span, after structSize: Int) throws(PluginError) -> [UInt8] {
        if span.size == 0 && span.offset == 0 { return [] }
        let end = UInt64(span.offset) + UInt64(span.size)
        guard Int(span.offset) >= structSize, end <= UInt64(record.bytes.count) else {
            throw fault("a span of a record of kind \(record.kind) points outside (REC-3)")
        }
        let start = record.bytes.startIndex + Int(span.offset)
        return Array(record.bytes[start..<start + Int(span.size)])
    }

    /// The structs that a span points to; structs begin at multiples of 8 (REC-3).
    func array<Element: BitwiseCopyable>(
        _ record: Record, _ span: vin_span, after structSize: Int, of: Element.Type
    ) throws(PluginError) -> [Element] {
        let packed = try slice(record, span, after: structSize)
        let stride = MemoryLayout<Element>.stride
        guard span.offset % 8 == 0, packed.count % stride == 0 else {
            throw fault("a span of a record of kind \(record.kind) holds no whole number of structs (REC-3)")
        }
        return packed.withUnsafeBytes { raw in
            (0..<packed.count / stride).map { raw.loadUnaligned(fromByteOffset: $0 * stride, as: Element.self) }
        }
    }
}

extension Digest {
    var record: vin_digest { withUnsafeBytes { $0.loadUnaligned(as: vin_digest.self) } }

    init(_ record: vin_digest) {
        // A digest has exactly 32 bytes, so this cannot be nil.
        self = Digest(bytes: Plain.bytes(record)) ?? .zero
    }
}

extension PublicKey {
    var record: vin_public_key { withUnsafeBytes { $0.loadUnaligned(as: vin_public_key.self) } }
}
