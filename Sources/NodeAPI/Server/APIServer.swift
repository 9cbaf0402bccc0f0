import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Node
import Primitives
import ServiceLifecycle
import Synchronization

/// The node's HTTP interface on one address. Start one for the Unix socket and one for TCP; they may share a service.
public struct APIServer: Sendable {
    public enum Address: Sendable {
        /// Guarded by the socket's mode, 0600.
        case unixSocket(path: String)
        /// Guarded by a bearer token. Port 0 takes a free one.
        case loopback(host: String, port: Int, token: BearerToken)
    }

    private let service: any NodeService
    private let address: Address
    private let limits: APILimits

    public init(service: any NodeService, address: Address, limits: APILimits = APILimits()) {
        self.service = service
        self.address = address
        self.limits = limits
    }

    /// Serves until the task is cancelled; open requests are ended then.
    /// - Parameter onReady: called once with the port (0 for a Unix socket) when connections are taken.
    /// - Throws: `.unavailable` when the address cannot be had.
    public func run(onReady: @escaping @Sendable (_ port: Int) -> Void = { _ in }) async throws(ServiceError) {
        switch address {
        case .loopback(let host, let port, let token):
            guard host == "127.0.0.1" || host == "::1" else {
                throw ServiceError(
                    .malformed, "\(host) is not a loopback address", hint: "use 127.0.0.1 or ::1",
                    field: "api.tcp_host")
            }
            try await serve(.hostname(host, port: port), token: token, named: "\(host):\(port)") {
                (channel) throws(ServiceError) in
                onReady(channel.localAddress?.port ?? port)
            }
        case .unixSocket(let path):
            let staging = try SocketStaging(path: path)
            defer { staging.remove() }
            try await serve(.unixDomainSocket(path: staging.temporaryPath), token: nil, named: path) {
                (_) throws(ServiceError) in
                try staging.publish()
                onReady(0)
            }
        }
    }

    /// Why a server that took connections ended at once.
    private final class Failure: Sendable {
        private let first = Mutex<ServiceError?>(nil)
        var error: ServiceError? { first.withLock { $0 } }
        func note(_ error: ServiceError) { first.withLock { $0 = $0 ?? error } }
    }

    private func serve(
        _ bind: BindAddress, token: BearerToken?, named name: String,
        ready: @escaping @Sendable (any Channel) throws(ServiceError) -> Void
    ) async throws(ServiceError) {
        var logger = Logger(label: "vinculum.api")
        logger.logLevel = .critical
        // Later than a body's own time limit, so that a silent one gets its answer.
        let idle = TimeAmount.nanoseconds(Int64(limits.requestTimeout / .nanoseconds(1))) + .seconds(5)
        let (patience, failure) = (limits.requestTimeout, Failure())
        let application = Application(
            responder: APIResponder(service: service, limits: limits, token: token),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionGuard(patience: patience)], idleTimeout: idle,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8192, maxHeaderListSize: 16_384, maxHeaderFieldCount: 64))),
            configuration: ApplicationConfiguration(
                address: bind, backlog: 256,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
            onServerRunning: { channel in
                do throws(ServiceError) { try ready(channel) } catch {
                    failure.note(error)
                    channel.close(promise: nil)
                }
            }, logger: logger)
        // Cancelling the server's own task would drop connections that it has just taken, and NIO traps on those. So a
        // cancelled caller asks for an orderly end: no new connections, then the open requests get a moment.
        var groupConfiguration = ServiceGroupConfiguration(
            services: [.init(service: application)], gracefulShutdownSignals: [], logger: logger)
        groupConfiguration.maximumGracefulShutdownDuration = .seconds(2)
        let group = ServiceGroup(configuration: groupConfiguration)
        do {
            let running = Task { try await group.run() }
            try await withTaskCancellationHandler {
                try await running.value
            } onCancel: {
                Task { await group.triggerGracefulShutdown() }
            }
            if let error = failure.error { throw error }
        } catch {
            if let error = failure.error { throw error }
            if Task.isCancelled { return }
            throw ServiceError(
                .unavailable, "cannot serve on \(name): \(error)",
                hint: "is another node running? `vinculum doctor` shows who holds the address")
        }
    }
}
