import NIOCore
import NIOPosix
import Synchronization

extension PeerHost {
    /// Connects to a peer at the first of its addresses that answers; at once if it is connected. Calls for the same
    /// peer at the same time share one dial.
    public func connect(to peer: PeerID, at addresses: [Multiaddr]) async throws(WireError) {
        guard peer != self.peer else { throw WireError(.refused, "that is this node", at: "dial") }
        if isConnected(to: peer) { return }
        _ = try await dialShared(peer, addresses, as: Multiaddr([.p2p(peer)]))
    }

    /// Connects to whoever answers at an address, or to the peer that the address names; answers who it is.
    @discardableResult
    public func connect(to address: Multiaddr) async throws(WireError) -> PeerID {
        if let peer = address.peer {
            try await connect(to: peer, at: [address])
            return peer
        }
        return try await dialShared(nil, [address], as: address).peer
    }

    /// A dial that is under way, and where it tries.
    struct Dial {
        let addresses: [Multiaddr]
        let task: Task<Result<Connection, WireError>, Never>
    }

    /// Joins the dial of that name, or starts it; one that was joined and has failed elsewhere is followed by one of
    /// these addresses. `shutdown` waits for all of them.
    private func dialShared(
        _ peer: PeerID?, _ addresses: [Multiaddr], as name: Multiaddr
    ) async throws(WireError) -> Connection {
        while true {
            guard let dial = running(peer, addresses, as: name) else {
                throw WireError(.shutdown, "this node is shutting down", at: "dial")
            }
            do throws(WireError) { return try await dial.task.value.get() } catch {
                if addresses.allSatisfy({ dial.addresses.contains($0) }) || Task.isCancelled { throw error }
            }
        }
    }

    private func running(_ peer: PeerID?, _ addresses: [Multiaddr], as name: Multiaddr) -> Dial? {
        state.withLock { state in
            if state.isShutDown { return nil }
            if let running = state.dialing[name] { return running }
            let task = Task<Result<Connection, WireError>, Never> {
                let outcome: Result<Connection, WireError>
                do throws(WireError) {
                    outcome = .success(try await self.dial(peer, addresses))
                } catch {
                    outcome = .failure(error)
                }
                self.state.withLock { $0.dialing[name] = nil }
                return outcome
            }
            let dial = Dial(addresses: addresses, task: task)
            state.dialing[name] = dial
            return dial
        }
    }

    private func dial(_ peer: PeerID?, _ addresses: [Multiaddr]) async throws(WireError) -> Connection {
        var failure = WireError(.unreachable, "no address that can be dialled", at: "dial")
        for address in addresses.prefix(configuration.dialAddressLimit) {
            guard !Task.isCancelled else { throw WireError(.cancelled, "the dial was cancelled", at: "dial") }
            do throws(WireError) {
                return try await dial(peer, address)
            } catch {
                failure = WireError(error.code, "\(error.reason) (\(address))", at: error.place)
                // The peer is there, and said no: its other addresses would not help.
                if error.code == .shutdown { break }
            }
        }
        throw failure
    }

    private func dial(_ peer: PeerID?, _ address: Multiaddr) async throws(WireError) -> Connection {
        guard let target = address.tcpTarget else {
            throw WireError(.unreachable, address.whyUnusable, at: "dial")
        }
        guard target.peer == nil || peer == nil || target.peer == peer else {
            throw WireError(.wrongPeer, "the address names another peer", at: "dial")
        }
        var failure: WireError?
        for host in try await HostAddresses.resolve(target.host) {
            let resolved = Multiaddr(host, tcp: target.port)
            do throws(WireError) {
                guard gate.mayDial(resolved, for: peer) else {
                    throw WireError(.refused, "the gate does not allow this address", at: "dial")
                }
                return try await open(resolved, try host.socketAddress(port: target.port), peer)
            } catch { failure = error }
        }
        throw failure ?? WireError(.unreachable, "no address", at: "dial")
    }

    private func open(
        _ remote: Multiaddr, _ address: SocketAddress, _ peer: PeerID?
    ) async throws(WireError) -> Connection {
        let loop = group.next()
        let promise = loop.makePromise(of: Connection.self)
        // Known before it is connected, so that a cancelled dial does not wait for the system's answer.
        let channel = Mutex<(any Channel)?>(nil)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(configuration.dialTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { made in
                channel.withLock { $0 = made }
                return self.prepare(made, remote: remote, isInbound: false, expected: peer, promise)
            }
        do {
            return try await withTaskCancellationHandler {
                _ = try await bootstrap.connect(to: address).get()
                if Task.isCancelled { channel.withLock { $0 }?.close(promise: nil) }
                return try await promise.futureResult.get()
            } onCancel: {
                channel.withLock { $0 }?.close(promise: nil)
            }
        } catch {
            promise.fail(error)
            throw error is WireError ? WireError(wrapping: error) : WireError(.unreachable, "\(error)", at: "dial")
        }
    }

    /// Sets a channel up, on its thread.
    func prepare(
        _ channel: any Channel, remote: Multiaddr, isInbound: Bool, expected: PeerID? = nil,
        _ promise: EventLoopPromise<Connection>? = nil
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let options = channel.syncOptions
            try options?.setOption(.recvAllocator, value: PeerHost.receiveAllocator)
            try options?.setOption(.writeBufferWaterMark, value: .init(low: 128 * 1024, high: 512 * 1024))
            try channel.pipeline.syncOperations.addHandler(
                ConnectionHandler(
                    owner: self, identity: identity, expected: expected, isInbound: isInbound, remote: remote,
                    configuration: configuration, opened: promise))
        }
    }

    /// Small for peers that say little, large enough for some frames of a peer that says much.
    private static let receiveAllocator = AdaptiveRecvByteBufferAllocator(
        minimum: 2048, initial: 8192, maximum: 256 * 1024)
}
