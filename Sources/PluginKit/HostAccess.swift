public import CVinculum

/// The host as a plugin instance sees it.
///
/// Holds a pointer that the host owns and keeps valid until `destroy` has returned. Every function behind it is tagged
/// [any], which is the argument for `@unchecked Sendable`.
public struct HostAccess: @unchecked Sendable {
    public let pointer: UnsafePointer<vin_host>
    private let logTable: UnsafePointer<vin_host_log>?
    private let attentionTable: UnsafePointer<vin_host_attention>?

    init(_ pointer: UnsafePointer<vin_host>) {
        self.pointer = pointer
        logTable = nil
        attentionTable = nil
    }

    private init(
        _ pointer: UnsafePointer<vin_host>, log: UnsafePointer<vin_host_log>?,
        attention: UnsafePointer<vin_host_attention>?
    ) {
        self.pointer = pointer
        logTable = log
        attentionTable = attention
    }

    // HOST-1: services are fetched after `create`, so the glue asks for this once it configures the instance.
    func withServices() -> HostAccess {
        HostAccess(
            pointer, log: service(VIN_HOST_LOG, as: vin_host_log.self),
            attention: service(VIN_HOST_ATTENTION, as: vin_host_attention.self))
    }

    /// The table of a service, or nil if this plugin does not get it. Not to be called inside `init`.
    public func service<Table>(_ id: String, as: Table.Type) -> UnsafePointer<Table>? {
        guard let get = pointer.pointee.get_extension else { return nil }
        var id = id
        return id.withUTF8 { text in
            get(pointer.pointee.host_data, vin_bytes(data: text.baseAddress, size: UInt64(text.count)))?
                .assumingMemoryBound(to: Table.self)
        }
    }

    public enum LogLevel: vin_log_level, Sendable {
        case debug = 1
        case info = 2
        case warning = 3
        case error = 4
    }

    /// Writes a line to the operator's log, if the plugin has that service.
    public func log(_ level: LogLevel, _ line: String) {
        guard let write = logTable?.pointee.write else { return }
        var line = line
        line.withUTF8 { text in
            write(
                pointer.pointee.host_data, level.rawValue,
                vin_bytes(data: text.baseAddress, size: UInt64(text.count)))
        }
    }

    /// Asks the host for a call, from any thread (ATT-1), if the plugin has that service.
    public func wake() { attentionTable?.pointee.wake?(pointer.pointee.host_data) }

    /// Tells the operator what keeps the plugin from its work; nil when all is well again (ATT-2).
    public func complain(_ sentence: String?) {
        guard let complain = attentionTable?.pointee.complain else { return }
        var sentence = sentence ?? ""
        sentence.withUTF8 { text in
            complain(pointer.pointee.host_data, vin_bytes(data: text.baseAddress, size: UInt64(text.count)))
        }
    }

    /// Tells the host why the running call is about to fail; answers the status to return.
    @inline(never)
    func report(_ failure: PluginFailure) -> vin_status {
        guard let report = pointer.pointee.report_error else { return failure.status }
        var message = failure.message
        message.withUTF8 { text in
            report(
                pointer.pointee.host_data, failure.status,
                vin_bytes(data: text.baseAddress, size: UInt64(text.count)))
        }
        return failure.status
    }
}
