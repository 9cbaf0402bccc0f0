import Logging
import Node
import NodeAPI
import Primitives

/// A node with its HTTP interfaces, until it is told to stop.
struct Daemon: Sendable {
    let configuration: NodeConfiguration
    let plugins: any PluginSource
    let logger: Logger

    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Parameter ready: called once, when the node answers on its first address.
    func run(ready: @escaping @Sendable () -> Void) async throws {
        let node = try await NodeRuntime.start(configuration, plugins: plugins, logger: logger)
        let addresses = try addresses()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for address in addresses {
                group.addTask {
                    let server = APIServer(service: node, address: address, limits: APILimits(configuration))
                    try await server.run { _ in ready() }
                }
            }
            group.addTask { await node.run() }
            group.addTask { await StopSignal.wait() }
            // Whatever ends first ends all: a signal, or a server that cannot serve.
            do {
                try await group.next()
                group.cancelAll()
            } catch {
                group.cancelAll()
                throw error
            }
        }
    }

    private func addresses() throws -> [APIServer.Address] {
        var addresses: [APIServer.Address] = []
        if let socket = configuration.unixSocket { addresses.append(.unixSocket(path: socket)) }
        if let port = configuration.tcpPort {
            let token = try BearerToken.loadOrCreate(at: configuration.tokenFile)
            addresses.append(.loopback(host: configuration.tcpHost, port: port, token: token))
        }
        return addresses
    }
}
