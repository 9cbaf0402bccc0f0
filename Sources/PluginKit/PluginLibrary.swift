public import CVinculum

/// Makes the entry of a library. A plugin's whole registration is
/// ```swift
/// @c @implementation
/// public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? { PluginLibrary.entry(.verifier(MyVerifier.self)) }
/// ```
public enum PluginLibrary {
    /// The entry for these plugins; the first call decides which.
    public static func entry(_ plugins: PluginRegistration...) -> UnsafePointer<vin_entry>? {
        Registry.shared.install(plugins)
    }
}

/// The tables that the host reads. Each library links PluginKit statically and so has a registry of its own.
///
/// Written once, under the lock of `install`, before the host can reach anything that reads it; constant afterwards.
/// That is the argument for `@unchecked Sendable`.
final class Registry: @unchecked Sendable {
    static let shared = Registry()

    private var installed: UnsafePointer<vin_entry>?
    private(set) var plugins: [[any Plugin.Type]] = []
    private var descriptors: [[UnsafePointer<vin_descriptor>]] = []
    private var factories: [UnsafePointer<vin_factory>?] = []

    // The entry function is [any], and Swift runs this initialiser once; the host calls the entry before it starts
    // threads that use the plugin, so a plain check is enough for the rest.
    func install(_ registrations: [PluginRegistration]) -> UnsafePointer<vin_entry>? {
        if let installed { return installed }
        for kind in PluginKind.allCases {
            let types = registrations.filter { $0.kind == kind }.map(\.type)
            plugins.append(types)
            descriptors.append(types.map { descriptor(of: $0, kind: kind) })
            factories.append(types.isEmpty ? nil : factory(of: kind))
        }
        let entry = UnsafeMutablePointer<vin_entry>.allocate(capacity: 1)
        entry.initialize(
            to: vin_entry(
                struct_size: UInt32(MemoryLayout<vin_entry>.size), abi_major: UInt32(VIN_ABI_MAJOR),
                abi_minor: UInt32(VIN_ABI_MINOR), reserved: 0, init: { 0 }, deinit: {},
                get_factory: { Registry.shared.factory(named: $0) }))
        installed = UnsafePointer(entry)
        return installed
    }

    private func factory(named name: vin_bytes) -> UnsafePointer<vin_factory>? {
        for kind in PluginKind.allCases where name.raw.elementsEqual(kind.id.utf8) { return factories[kind.rawValue] }
        return nil
    }

    func descriptor(_ kind: PluginKind, _ index: UInt32) -> UnsafePointer<vin_descriptor>? {
        let list = descriptors[kind.rawValue]
        return index < UInt32(list.count) ? list[Int(index)] : nil
    }

    func count(_ kind: PluginKind) -> UInt32 { UInt32(plugins[kind.rawValue].count) }

    func type(_ kind: PluginKind, id: vin_bytes) -> (any Plugin.Type)? {
        plugins[kind.rawValue].first { id.raw.elementsEqual($0.description.id.utf8) }
    }

    // Descriptors live as long as the process: they are never freed, on purpose.
    private func descriptor(of type: any Plugin.Type, kind: PluginKind) -> UnsafePointer<vin_descriptor> {
        let description = type.description
        let pointer = UnsafeMutablePointer<vin_descriptor>.allocate(capacity: 1)
        pointer.initialize(
            to: vin_descriptor(
                struct_size: UInt32(MemoryLayout<vin_descriptor>.size),
                flags: description.isDeterministic ? kind.flags : 0,
                id: forever(description.id), version: forever(description.version),
                vendor: forever(description.vendor), licence: forever(description.licence),
                least_host_minor: description.leastHostMinor, reserved: 0))
        return UnsafePointer(pointer)
    }

    private func forever(_ text: String) -> vin_bytes {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
        _ = copy.initialize(from: text.utf8)
        return vin_bytes(data: copy.baseAddress, size: UInt64(copy.count))
    }

    // A C function cannot capture, so each kind has its own three.
    private func factory(of kind: PluginKind) -> UnsafePointer<vin_factory> {
        var table = vin_factory()
        table.struct_size = UInt32(MemoryLayout<vin_factory>.size)
        switch kind {
        case .consensus:
            table.count = { Registry.shared.count(.consensus) }
            table.descriptor = { Registry.shared.descriptor(.consensus, $0) }
            table.create = { host, id, out in ConsensusGlue.create(host, id, out) }
        case .privacy:
            table.count = { Registry.shared.count(.privacy) }
            table.descriptor = { Registry.shared.descriptor(.privacy, $0) }
            table.create = { host, id, out in PrivacyGlue.create(host, id, out) }
        case .verifier:
            table.count = { Registry.shared.count(.verifier) }
            table.descriptor = { Registry.shared.descriptor(.verifier, $0) }
            table.create = { host, id, out in VerifierGlue.create(host, id, out) }
        case .runtime:
            table.count = { Registry.shared.count(.runtime) }
            table.descriptor = { Registry.shared.descriptor(.runtime, $0) }
            table.create = { host, id, out in RuntimeGlue.create(host, id, out) }
        case .bridge:
            table.count = { Registry.shared.count(.bridge) }
            table.descriptor = { Registry.shared.descriptor(.bridge, $0) }
            table.create = { host, id, out in BridgeGlue.create(host, id, out) }
        }
        let pointer = UnsafeMutablePointer<vin_factory>.allocate(capacity: 1)
        pointer.initialize(to: table)
        return UnsafePointer(pointer)
    }
}
