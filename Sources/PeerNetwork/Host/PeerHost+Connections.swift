import Logging
import NIOCore
import Synchronization

extension PeerHost: ConnectionOwner {
    func admit(_ connection: Connection) throws(WireError) {
        guard connection.peer != peer else {
            throw WireError(.refused, "a connection of this node to itself", at: "host")
        }
        guard gate.mayKeep(connection.peer, at: connection.remote, isInbound: connection.isInbound) else {
            throw WireError(.refused, "the gate does not admit \(connection.peer)", at: "host")
        }
        let limit = configuration.connectionsPerPeer
        var isFirst = false
        let failure = state.withLock { state -> WireError? in
            guard !state.isShutDown else { return WireError(.shutdown, "this node is shutting down", at: "host") }
            let open = state.connections[connection.peer] ?? []
            guard open.count < limit else {
                return WireError(.limit, "\(open.count) connections to this peer are open", at: "host")
            }
            isFirst = open.isEmpty
            state.connections[connection.peer] = open + [connection]
            if connection.isInbound { state.handshakes -= 1 }
            return nil
        }
        if let failure { throw failure }
        if isFirst { emit(.connected(connection.peer, connection.remote, isInbound: connection.isInbound)) }
        Task { await identify(connection) }
    }

    func ended(_ connection: Connection?, remote: Multiaddr, isInbound: Bool, reason: WireError) {
        var wasLast = false
        state.withLock { state in
            if isInbound { state.forgetInbound(remote.ipAddress, wasAdmitted: connection != nil) }
            guard let connection else { return }
            let left = (state.connections[connection.peer] ?? []).filter { $0 !== connection }
            wasLast = left.isEmpty
            state.connections[connection.peer] = wasLast ? nil : left
            if wasLast {
                state.identities[connection.peer] = nil
                state.roundTrips[connection.peer] = nil
            }
        }
        if let connection {
            if wasLast { emit(.disconnected(connection.peer, reason)) }
        } else {
            logger.debug("no connection", metadata: ["address": "\(remote)", "reason": "\(reason)"])
            emit(.refused(remote, reason))
        }
    }

    func measured(_ roundTrip: Duration, of connection: Connection) { note(roundTrip, to: connection.peer) }

    func speaks(_ protocolID: String) -> Bool { state.withLock { $0.handlers[protocolID] != nil } }

    func protocolIDs() -> [String] { state.withLock { $0.handlers.keys.sorted() } }

    func traffic(of protocolID: String) -> TrafficCounter {
        state.withLock { state in
            if let counter = state.counters[protocolID] { return counter }
            let counter = TrafficCounter()
            state.counters[protocolID] = counter
            return counter
        }
    }

    func accept(_ stream: PeerStream) {
        let use = HostState.StreamUse(peer: stream.peer, protocolID: stream.protocolID)
        let handler = state.withLock { state -> HostState.Handler? in
            guard let handler = state.handlers[stream.protocolID], !state.isShutDown else { return nil }
            let running = state.running[use] ?? 0
            guard running < handler.streamsPerPeer else { return nil }
            state.running[use] = running + 1
            return handler
        }
        guard let handler else {
            stream.reset("more streams of \(stream.protocolID) than a peer may have")
            stream.connection.handlerEnded()
            return
        }
        Task {
            await handler.body(stream)
            stream.close()
            state.withLock { state in
                let left = (state.running[use] ?? 1) - 1
                state.running[use] = left > 0 ? left : nil
            }
            stream.connection.handlerEnded()
        }
    }

    /// Whether a connection from this address may begin its handshake; counts it if so.
    func mayBegin(_ remote: Multiaddr) -> WireError? {
        guard gate.mayAccept(from: remote) else {
            return WireError(.refused, "the gate does not accept connections from there", at: "host")
        }
        let configuration = configuration
        return state.withLock { state -> WireError? in
            let sameAddress = remote.ipAddress.map { state.inboundByAddress[$0.owner] ?? 0 } ?? 0
            guard !state.isShutDown else { return WireError(.shutdown, "this node is shutting down", at: "host") }
            guard state.inbound < configuration.inboundConnectionLimit else {
                return WireError(.limit, "\(state.inbound) inbound connections", at: "host")
            }
            guard state.handshakes < configuration.handshakeLimit else {
                return WireError(.limit, "\(state.handshakes) connections in their handshake", at: "host")
            }
            guard sameAddress < configuration.connectionsPerAddress else {
                return WireError(.limit, "\(sameAddress) connections from one address", at: "host")
            }
            state.inbound += 1
            state.handshakes += 1
            if let address = remote.ipAddress { state.inboundByAddress[address.owner] = sameAddress + 1 }
            return nil
        }
    }

    // MARK: Ends

    /// Closes all connections to a peer; returns when they are closed.
    public func disconnect(_ peer: PeerID, reason: String = "asked to disconnect") async {
        for connection in state.withLock({ $0.connections[peer] ?? [] }) {
            await connection.close(WireError(.shutdown, reason, at: "host"))
        }
    }

    /// Ends everything: listeners, connections, streams, events and threads. Returns when all sockets are closed.
    public func shutdown() async {
        let (listeners, connections, dials, isFirst) = state.withLock { state in
            defer {
                state.isShutDown = true
                state.listeners = []
            }
            return (
                state.listeners, state.connections.values.flatMap { $0 }, state.dialing.values.map(\.task),
                !state.isShutDown
            )
        }
        guard isFirst else { return }
        for listener in listeners { try? await listener.close() }
        for dial in dials { dial.cancel() }
        for dial in dials { _ = await dial.value }
        await withTaskGroup(of: Void.self) { tasks in
            for connection in connections {
                tasks.addTask {
                    await connection.close(WireError(.shutdown, "this node is shutting down", at: "host"))
                }
            }
        }
        // Closes what is still in its handshake too.
        try? await group.shutdownGracefully()
        let subscribers = state.withLock { state in
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
    }
}

extension HostState {
    mutating func forgetInbound(_ address: IPAddress?, wasAdmitted: Bool) {
        inbound -= 1
        if !wasAdmitted { handshakes -= 1 }
        guard let owner = address?.owner, let count = inboundByAddress[owner] else { return }
        inboundByAddress[owner] = count > 1 ? count - 1 : nil
    }
}
