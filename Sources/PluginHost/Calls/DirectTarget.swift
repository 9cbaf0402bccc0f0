import CVinculum
import Primitives
import Synchronization

/// An instance in this process.
final class DirectTarget: CallTarget {
    let plugin: String
    let context: HostContext
    private(set) var instance: UnsafePointer<vin_instance>?

    init(
        _ library: LoadedLibrary, _ manifest: Manifest, settings: String, services: HostServices
    ) throws(PluginError) {
        plugin = manifest.id
        context = HostContext(
            plugin: manifest.id, granted: manifest.services, purposes: manifest.purposes, services: services)
        try library.checkDescriptor(manifest)
        let factory = try library.factory(manifest.kind, plugin: manifest.id)
        var made: UnsafePointer<vin_instance>?
        context.creating.store(true, ordering: .relaxed)
        let status = context.control { manifest.id.withBorrowed { factory.pointee.create?(context.host, $0, &made) } }
        context.creating.store(false, ordering: .relaxed)
        try check(status ?? -1, "create")
        guard let made else { throw fault(.layout, "create", "the table is null") }
        try accept(made, manifest, settings)
    }

    /// Checks and configures what `create` made; a refusal destroys it, wherever the table reaches that far.
    private func accept(
        _ made: UnsafePointer<vin_instance>, _ manifest: Manifest, _ settings: String
    ) throws(PluginError) {
        guard Int(made.pointee.struct_size) >= MemoryLayout<vin_instance>.size else {
            throw tooShort(made, manifest)
        }
        instance = made
        do throws(PluginError) {
            guard !context.brokeCreateRule.load(ordering: .relaxed) else {
                throw fault(.failed, "create", "asked the host for a service inside create (HOST-1)")
            }
            guard Int(made.pointee.struct_size) >= manifest.kind.tableSize, made.pointee.reserved == 0 else {
                throw tooShort(made, manifest)
            }
            try checkSlots(made, manifest.kind)
            var settings = settings
            let configured = settings.withUTF8 { text in
                let bytes = vin_bytes(data: text.baseAddress, size: UInt64(text.count))
                return context.control { made.pointee.configure?(made.pointee.plugin_data, bytes) }
            }
            try check(configured ?? -1, "configure")
        } catch {
            close()
            throw error
        }
    }

    private func tooShort(_ made: UnsafePointer<vin_instance>, _ manifest: Manifest) -> PluginError {
        fault(
            .layout, "create",
            "the table has \(made.pointee.struct_size) bytes and its reserved field is \(made.pointee.reserved); "
                + "\(manifest.kind.tableSize) and 0 are needed")
    }

    deinit { close() }

    var isGone: Bool { instance == nil }

    func close() {
        guard let instance else { return }
        self.instance = nil
        context.control { instance.pointee.destroy?(instance.pointee.plugin_data) }
    }

    // Every slot after plugin_data is a function of the first version: none may be null.
    private func checkSlots(_ table: UnsafePointer<vin_instance>, _ kind: PluginKind) throws(PluginError) {
        let raw = UnsafeRawPointer(table)
        let first = 2 * MemoryLayout<UInt64>.size
        for offset in stride(from: first, to: kind.tableSize, by: MemoryLayout<UInt>.size)
        where raw.load(fromByteOffset: offset, as: UInt.self) == 0 {
            throw fault(.layout, "create", "the table has a null function at byte \(offset)")
        }
    }

    func fault(_ code: PluginError.Code, _ call: String, _ message: String, status: Int32 = 0) -> PluginError {
        PluginError(code, plugin: plugin, call: call, message, status: status)
    }

    @inline(__always)
    func check(_ status: vin_status, _ call: @autoclosure () -> String) throws(PluginError) {
        if status == 0 { return }
        throw failure(status, call())
    }

    /// The plugin's own reason for a status that is not zero.
    func failure(_ status: vin_status, _ call: String) -> PluginError {
        fault(.failed, call, context.takeReport() ?? "the plugin gives no reason", status: status)
    }

    func table<Table>(_ type: Table.Type, _ call: PluginCall) throws(PluginError) -> Table {
        guard let instance else { throw fault(.closed, call.name, "the instance is closed") }
        return UnsafeRawPointer(instance).assumingMemoryBound(to: Table.self).pointee
    }

    /// Marks this thread as the lane for the time of the body.
    @inline(__always)
    func lane(_ body: () -> vin_status) -> vin_status {
        context.laneThread.store(currentThread(), ordering: .relaxed)
        let status = body()
        context.laneThread.store(0, ordering: .relaxed)
        return status
    }

    /// Runs a call on the lane with sinks for its outputs.
    func run(
        _ call: PluginCall, outputs: Int, _ body: ([SinkBuffer]) -> vin_status
    ) throws(PluginError) -> [[UInt8]] {
        let sinks = (0..<outputs).map { _ in SinkBuffer(limit: call.outputLimit) }
        let status = lane { body(sinks) }
        // BASE-10: an overflow is a failure, whatever the plugin answers.
        if sinks.contains(where: \.hasOverflowed) {
            _ = context.takeReport()
            throw fault(.overflow, call.name, "more than \(call.outputLimit) bytes of output")
        }
        try check(status, call.name)
        return sinks.map(\.bytes)
    }

    func makeBuffer(count: Int) throws(PluginError) -> PluginBuffer {
        let values = UnsafeMutableBufferPointer<Int64>.allocate(capacity: count)
        values.initialize(repeating: 0)
        return PluginBuffer(values: values, id: 0) { $0.deallocate() }
    }

    /// Input `index`, or none.
    func input(_ inputs: [[UInt8]], _ index: Int) -> [UInt8] { index < inputs.count ? inputs[index] : [] }

    func invoke(
        _ call: PluginCall, _ inputs: [[UInt8]], _ buffers: [PluginBuffer]
    ) throws(PluginError) -> [[UInt8]] {
        switch call {
        case .consensusStart, .step, .snapshot, .stop: return try invokeConsensus(call, inputs)
        case .capabilities, .privacyPlan, .begin, .spend, .release, .message, .combine, .recover, .end:
            return try invokePrivacy(call, inputs, buffers)
        case .verifierPlan, .judge: return try invokeVerifier(call, inputs)
        case .prepare, .taskStart, .usage, .kill, .collect, .ask: return try invokeRuntime(call, inputs)
        case .observe, .prove, .submit, .confirm: return try invokeBridge(call, inputs)
        case .create, .configure, .destroy, .map, .unmap, .probe:
            throw fault(.protocolBroken, call.name, "not a call of an instance")
        }
    }
}

extension [UInt8] {
    /// Lends the bytes for a call.
    @inline(__always)
    func lend<Result>(_ body: (vin_bytes) -> Result) -> Result { withUnsafeBytes { body(vin_bytes($0)) } }
}
