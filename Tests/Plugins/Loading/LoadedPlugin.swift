import CVinculum
import Glibc
import PluginKit
import Testing

/// A plugin's library, loaded as a host loads it, so that tests call what ships and not the sources behind it.
struct LoadedPlugin {
    let entry: UnsafePointer<vin_entry>

    /// - Parameter path: of the library; never unloaded, because a library with Swift types must not be.
    init(path: String) throws {
        let handle = try #require(dlopen(path, RTLD_NOW | RTLD_LOCAL), "\(String(cString: dlerror()))")
        let symbol = try #require(dlsym(handle, "vin_plugin_entry_v1"))
        typealias Entry = @convention(c) () -> UnsafePointer<vin_entry>?
        entry = try #require(unsafeBitCast(symbol, to: Entry.self)())
        #expect(entry.pointee.abi_major == UInt32(VIN_ABI_MAJOR))
        _ = entry.pointee.`init`?()
    }

    /// The library that the package's build put beside the tests.
    init(named name: String) throws {
        var text = [CChar](repeating: 0, count: 4097)
        let length = readlink("/proc/self/exe", &text, 4096)
        let path = String(decoding: text[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try self.init(path: path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/lib\(name).so")
    }

    /// A new instance, typed by the caller; configured with `settings`.
    func instance<Table>(
        kind: String, id: String, host: TestHost, settings: String = "", as: Table.Type
    ) throws -> UnsafePointer<Table> {
        let factory = try #require(borrowed(kind) { entry.pointee.get_factory($0) })
        var made: UnsafePointer<vin_instance>?
        let status = borrowed(id) { factory.pointee.create(host.pointer, $0, &made) }
        #expect(status == 0, "\(host.lastReport)")
        let instance = try #require(made)
        let configured = borrowed(settings) { instance.pointee.configure(instance.pointee.plugin_data, $0) }
        if configured != 0 { throw Refused(status: configured, message: host.lastReport) }
        return UnsafeRawPointer(instance).assumingMemoryBound(to: Table.self)
    }
}

/// A call that a plugin refused, with what it reported.
struct Refused: Error, Equatable {
    let status: vin_status
    let message: String
}

/// A host that gives no services and remembers what was reported.
final class TestHost {
    let pointer: UnsafeMutablePointer<vin_host>
    fileprivate(set) var lastReport = ""

    init() {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: vin_host())
        pointer.pointee.struct_size = UInt32(MemoryLayout<vin_host>.size)
        pointer.pointee.abi_major = UInt32(VIN_ABI_MAJOR)
        pointer.pointee.get_extension = { _, _ in nil }
        // Unretained: the host outlives the calls of its test.
        pointer.pointee.host_data = Unmanaged.passUnretained(self).toOpaque()
        pointer.pointee.report_error = { data, _, message in
            guard let data else { return }
            let bytes = UnsafeRawBufferPointer(start: message.data, count: Int(message.size))
            Unmanaged<TestHost>.fromOpaque(data).takeUnretainedValue().lastReport = String(
                decoding: bytes, as: UTF8.self)
        }
    }

    deinit { pointer.deallocate() }

    /// Throws what was reported when `status` is an error.
    func check(_ status: vin_status) throws {
        if status != 0 { throw Refused(status: status, message: lastReport) }
    }
}

/// Calls `body` with borrowed bytes of a text.
func borrowed<Result>(_ text: String, _ body: (vin_bytes) -> Result) -> Result { borrowed(Array(text.utf8), body) }

/// Calls `body` with borrowed bytes.
func borrowed<Result>(_ bytes: [UInt8], _ body: (vin_bytes) -> Result) -> Result {
    bytes.withUnsafeBufferPointer { body(vin_bytes(data: $0.baseAddress, size: UInt64($0.count))) }
}

/// Collects what a call appends to a sink with a limit.
func collecting(limit: Int = 1 << 24, _ body: (UnsafePointer<vin_sink>) -> vin_status) -> (vin_status, [UInt8]) {
    final class Box {
        var bytes: [UInt8] = []
        let limit: Int
        init(limit: Int) { self.limit = limit }
    }
    let box = Box(limit: limit)
    var sink = vin_sink()
    sink.struct_size = UInt32(MemoryLayout<vin_sink>.size)
    sink.sink_data = Unmanaged.passUnretained(box).toOpaque()
    sink.append = { data, bytes, size in
        guard let data else { return vin_status(VIN_ERROR_INVALID) }
        let box = Unmanaged<Box>.fromOpaque(data).takeUnretainedValue()
        guard box.bytes.count + Int(size) <= box.limit else { return vin_status(VIN_ERROR_LIMIT) }
        box.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(size)))
        return 0
    }
    let status = withExtendedLifetime(box) { withUnsafePointer(to: sink, body) }
    return (status, box.bytes)
}

/// The records of a list, each loaded as one type; fails the test on another kind.
func records<Record: BitwiseCopyable>(_ bytes: [UInt8], kind: Int, as: Record.Type) throws -> [Record] {
    try bytes.withUnsafeBytes { raw in
        var reader = RecordReader(raw)
        var list: [Record] = []
        while let record = try reader.next() {
            #expect(record.kind == UInt32(kind))
            list.append(try record.load(as: Record.self))
        }
        return list
    }
}

/// 32 equal bytes.
func digest(_ byte: UInt8) -> vin_digest {
    withUnsafeTemporaryAllocation(of: vin_digest.self, capacity: 1) { memory in
        UnsafeMutableRawBufferPointer(memory).initializeMemory(as: UInt8.self, repeating: byte)
        return memory[0]
    }
}
