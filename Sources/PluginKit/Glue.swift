import CVinculum

/// An instance as the host holds it: the author's object, the host, and the table that `destroy` frees. `Subject` is
/// the existential of the kind. Functions of a table get a pointer to this as their first argument.
class Glue<Subject, Table> {
    let plugin: Subject
    let host: HostAccess
    let table: UnsafeMutablePointer<Table>

    init(_ plugin: Subject, _ host: HostAccess, _ table: Table) {
        self.plugin = plugin
        self.host = host
        self.table = .allocate(capacity: 1)
        self.table.initialize(to: table)
    }

    deinit {
        table.deinitialize(count: 1)
        table.deallocate()
    }

    // Runs a call and turns what it throws into a report and a status (BASE-5).
    @inline(__always)
    func answer(_ body: () throws(PluginFailure) -> Void) -> vin_status {
        do throws(PluginFailure) {
            try body()
            return 0
        } catch {
            return host.report(error)
        }
    }
}

/// What `create` does for every kind: finds the type, makes the object and its glue, and hands out the table.
func makeInstance<Subject, Table, Instance: Glue<Subject, Table>>(
    _ kind: PluginKind, _ host: UnsafePointer<vin_host>?, _ id: vin_bytes,
    _ out: UnsafeMutablePointer<UnsafePointer<vin_instance>?>?,
    _ make: (any Plugin.Type, HostAccess) -> Instance?,
    setData: (UnsafeMutablePointer<Table>, UnsafeMutableRawPointer) -> Void
) -> vin_status {
    guard let host, let out else { return PluginFailure.Status.invalid.rawValue }
    let access = HostAccess(host)
    guard let type = Registry.shared.type(kind, id: id), let instance = make(type, access) else {
        return access.report(PluginFailure(.notFound, "this library has no plugin of that id and kind"))
    }
    let data = Unmanaged.passRetained(instance).toOpaque()
    setData(instance.table, data)
    out.pointee = UnsafeRawPointer(instance.table).assumingMemoryBound(to: vin_instance.self)
    return 0
}

/// The object behind `plugin_data`. The host passes back what `create` put into the table, alive until `destroy`.
@inline(__always)
func with<Instance: AnyObject>(
    _ data: UnsafeMutableRawPointer?, _ type: Instance.Type, _ body: (Instance) -> vin_status
) -> vin_status {
    guard let data else { return PluginFailure.Status.invalid.rawValue }
    return Unmanaged<Instance>.fromOpaque(data)._withUnsafeGuaranteedRef(body)
}

func release<Instance: AnyObject>(_ data: UnsafeMutableRawPointer?, _ type: Instance.Type) {
    guard let data else { return }
    Unmanaged<Instance>.fromOpaque(data).release()
}

func configure(
    _ plugin: any Plugin, _ host: HostAccess, _ settings: vin_settings
) throws(PluginFailure) {
    try plugin.configure(try Settings(settings.raw), host: host.withServices())
}
