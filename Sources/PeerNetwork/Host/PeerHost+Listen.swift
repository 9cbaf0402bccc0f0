import NIOCore
import NIOPosix
import Synchronization

extension PeerHost {
    /// Connections that the system holds for us until we look.
    private static let backlog = 256

    /// Listens at an address `/ip4|ip6/…/tcp/…`; port 0 takes a free one. Answers the address that it has become.
    @discardableResult
    public func listen(at address: Multiaddr) async throws(WireError) -> Multiaddr {
        guard let target = address.tcpTarget, case .address(let ip) = target.host else {
            throw WireError(.unreachable, "\(address) is nothing to listen at (/ip4|ip6/…/tcp/…)", at: "listen")
        }
        guard !state.withLock({ $0.isShutDown }) else {
            throw WireError(.shutdown, "this node is shutting down", at: "listen")
        }
        let channel: any Channel
        do {
            channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: Int32(PeerHost.backlog))
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { self.begin($0) }
                .bind(to: try ip.socketAddress(port: target.port)).get()
        } catch { throw WireError(wrapping: error) }
        guard let bound = Multiaddr(channel.localAddress) else {
            channel.close(promise: nil)
            throw WireError(.system, "the socket has no address", at: "listen")
        }
        let isOpen = state.withLock { state -> Bool in
            guard !state.isShutDown else { return false }
            state.listeners.append(channel)
            state.listening.append(bound)
            return true
        }
        guard isOpen else {
            channel.close(promise: nil)
            throw WireError(.shutdown, "this node is shutting down", at: "listen")
        }
        emit(.listening(bound))
        emit(.addressesChanged(addresses))
        return bound
    }

    private func begin(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let remote = Multiaddr(channel.remoteAddress) else {
            return channel.eventLoop.makeFailedFuture(WireError(.closed, "gone already", at: "listen"))
        }
        if let refusal = mayBegin(remote) {
            emit(.refused(remote, refusal))
            // A failed initializer closes the channel.
            return channel.eventLoop.makeFailedFuture(refusal)
        }
        return prepare(channel, remote: remote, isInbound: true).flatMapErrorThrowing { error in
            // Without its handler nobody else would count it out.
            self.state.withLock { $0.forgetInbound(remote.ipAddress, wasAdmitted: false) }
            throw error
        }
    }

    /// Where this host listens, as the sockets say.
    public var listenAddresses: [Multiaddr] { state.withLock { $0.listening } }

    /// Where peers can reach this host, as it tells them: what `advertise` was given, and its listeners' addresses.
    public var addresses: [Multiaddr] {
        let (advertised, listening) = state.withLock { ($0.advertised, $0.listening) }
        var found = advertised
        for address in listening.flatMap(HostAddresses.expand) where !found.contains(address) { found.append(address) }
        return found
    }

    /// Sets the addresses at which this host can be reached beside its own, as a router's. Peers are told.
    public func advertise(_ addresses: [Multiaddr]) {
        let changes = state.withLock { state -> Bool in
            defer { state.advertised = addresses }
            return state.advertised != addresses
        }
        guard changes else { return }
        emit(.addressesChanged(self.addresses))
        pushIdentity()
    }
}
