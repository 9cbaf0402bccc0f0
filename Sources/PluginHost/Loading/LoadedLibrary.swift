import CVinculum
import Glibc
import Primitives
import Synchronization

/// A library that is loaded into this process, for ever.
///
/// Holds pointers to static data of the plugin, which is never unloaded: that is the argument for `@unchecked
/// Sendable`.
final class LoadedLibrary: @unchecked Sendable {
    let entry: UnsafePointer<vin_entry>
    let library: SealedLibrary

    // One load for each content: the loader would give the same code again anyway, and `init` runs once (ENT-3).
    private static let loaded = Mutex<[Digest: LoadedLibrary]>([:])

    static func load(_ library: SealedLibrary, plugin: String) throws(PluginError) -> LoadedLibrary {
        let result: Result<LoadedLibrary, PluginError> = loaded.withLock { table in
            if let known = table[library.sha256] { return .success(known) }
            do throws(PluginError) {
                let fresh = try LoadedLibrary(library, plugin: plugin)
                table[library.sha256] = fresh
                return .success(fresh)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(_ library: SealedLibrary, plugin: String) throws(PluginError) {
        func fault(_ code: PluginError.Code, _ message: String, status: Int32 = 0) -> PluginError {
            PluginError(code, plugin: plugin, call: "load", message, status: status)
        }
        // RTLD_NODELETE: a library with Swift types must never be unloaded.
        let flags = RTLD_NOW | RTLD_LOCAL | Int32(0x01000)
        guard let handle = dlopen("/proc/self/fd/\(library.descriptor)", flags) else {
            throw fault(.load, dlerror().map { String(cString: $0) } ?? "the loader gives no reason")
        }
        library.keepForEver()
        guard let symbol = dlsym(handle, "vin_plugin_entry_v1") else {
            throw fault(.load, "the library does not export vin_plugin_entry_v1")
        }
        typealias Entry = @convention(c) () -> UnsafePointer<vin_entry>?
        guard let entry = unsafeBitCast(symbol, to: Entry.self)() else { throw fault(.layout, "the entry is null") }
        guard Int(entry.pointee.struct_size) >= MemoryLayout<vin_entry>.size else {
            throw fault(
                .layout, "vin_entry has \(entry.pointee.struct_size) bytes, \(MemoryLayout<vin_entry>.size) are needed")
        }
        guard entry.pointee.abi_major == UInt32(VIN_ABI_MAJOR) else {
            throw fault(.abi, "built for ABI \(entry.pointee.abi_major), this host has \(VIN_ABI_MAJOR)")
        }
        guard entry.pointee.reserved == 0 else { throw fault(.layout, "a reserved field of vin_entry is not zero") }
        guard let initialise = entry.pointee.`init`, entry.pointee.deinit != nil, entry.pointee.get_factory != nil
        else {
            throw fault(.layout, "vin_entry has a null function")
        }
        let status = initialise()
        guard status == 0 else { throw fault(.failed, "init failed", status: status) }
        self.entry = entry
        self.library = library
    }

    /// The factory of a kind, checked.
    func factory(_ kind: PluginKind, plugin: String) throws(PluginError) -> UnsafePointer<vin_factory> {
        func fault(_ code: PluginError.Code, _ message: String) -> PluginError {
            PluginError(code, plugin: plugin, call: "get_factory", message)
        }
        let found = kind.rawValue.withBorrowed { entry.pointee.get_factory?($0) }
        guard let factory = found ?? nil else { throw fault(.descriptor, "no factory for \(kind.rawValue)") }
        guard Int(factory.pointee.struct_size) >= MemoryLayout<vin_factory>.size else {
            throw fault(.layout, "vin_factory is too short: \(factory.pointee.struct_size) bytes")
        }
        guard factory.pointee.count != nil, factory.pointee.descriptor != nil, factory.pointee.create != nil else {
            throw fault(.layout, "vin_factory has a null function")
        }
        return factory
    }

    /// The descriptor of a plugin, checked against its manifest (FAC-1, FAC-2).
    func checkDescriptor(_ manifest: Manifest) throws(PluginError) {
        func fault(_ code: PluginError.Code, _ message: String) -> PluginError {
            PluginError(code, plugin: manifest.id, call: "descriptor", message)
        }
        let factory = try factory(manifest.kind, plugin: manifest.id)
        let count = factory.pointee.count?() ?? 0
        guard count >= 1, count <= 1024 else { throw fault(.descriptor, "the factory makes \(count) plugins") }
        for index in 0..<count {
            guard let descriptor = factory.pointee.descriptor?(index)?.pointee else {
                throw fault(.descriptor, "descriptor \(index) of \(count) is null")
            }
            guard Int(descriptor.struct_size) >= MemoryLayout<vin_descriptor>.size else {
                throw fault(.layout, "vin_descriptor is too short: \(descriptor.struct_size) bytes")
            }
            guard descriptor.id.string == manifest.id else { continue }
            guard descriptor.version.string == manifest.version.description else {
                throw fault(
                    .descriptor,
                    "the library says version \(descriptor.version.string ?? "?"), the manifest \(manifest.version)")
            }
            guard descriptor.flags & ~1 == 0, descriptor.reserved == 0 else {
                throw fault(.descriptor, "unknown flags or a reserved field that is not zero")
            }
            guard !manifest.isSansIO || descriptor.flags & 1 != 0 else {
                throw fault(.descriptor, "a plugin of kind \(manifest.kind.rawValue) must be flagged deterministic")
            }
            guard !manifest.services.contains(.network) || descriptor.flags & 1 == 0 else {
                throw fault(.descriptor, "a plugin with a network cannot be flagged deterministic")
            }
            guard descriptor.least_host_minor <= UInt32(VIN_ABI_MINOR) else {
                throw fault(.abi, "needs ABI minor \(descriptor.least_host_minor), this host has \(VIN_ABI_MINOR)")
            }
            return
        }
        throw fault(.descriptor, "the library holds no plugin of that id")
    }
}

extension vin_bytes {
    /// Text of the plugin, at most 4096 bytes.
    var string: String? {
        if size == 0 { return "" }
        guard let data, size <= 4096 else { return nil }
        return String(validating: UnsafeBufferPointer(start: data, count: Int(size)), as: UTF8.self)
    }

    var array: [UInt8] {
        guard let data, size > 0 else { return [] }
        return Array(UnsafeBufferPointer(start: data, count: Int(size)))
    }

    init(_ raw: UnsafeRawBufferPointer) {
        self.init(data: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), size: UInt64(raw.count))
    }
}

extension String {
    func withBorrowed<Result>(_ body: (vin_bytes) -> Result) -> Result {
        var copy = self
        return copy.withUTF8 { body(vin_bytes(data: $0.baseAddress, size: UInt64($0.count))) }
    }
}
