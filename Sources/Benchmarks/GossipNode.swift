import PeerNetwork
import Primitives

/// A host and a gossip router, joined by the least that does it: a stream to each peer, and a heartbeat.
actor GossipNode {
    static let topic = "bench"
    private static let protocolID = GossipProtocol.gossip11.rawValue
    private static let messageLimit = 1 << 20

    nonisolated let host: PeerHost
    nonisolated let address: Multiaddr
    private let arrivals: Arrivals
    private var router: GossipRouter
    private var links: [PeerID: AsyncStream<[UInt8]>.Continuation] = [:]
    private var tasks: [Task<Void, Never>] = []
    private let start = now()

    init(number: Int, arrivals: Arrivals) async throws {
        var configuration = PeerHostConfiguration()
        configuration.threads = 1
        host = NetworkBenchmark.host(configuration)
        self.arrivals = arrivals
        router = try GossipRouter(peer: host.peer, random: GossipRandom(seed: UInt64(number)))
        address = try await NetworkBenchmark.listen(host)
        try host.handle(GossipNode.protocolID, streamsPerPeer: 2) { [weak self] stream in
            await self?.listen(to: stream)
        }
        let events = host.events()
        tasks.append(Task { [weak self] in for await event in events { await self?.took(event) } })
        tasks.append(Task { [weak self] in await self?.beat() })
        perform(try router.subscribe(to: GossipNode.topic, now: time))
    }

    var meshSize: Int { router.mesh(of: GossipNode.topic).count }

    func publish(_ message: [UInt8]) throws {
        perform(try router.publish(message, to: GossipNode.topic, now: time).effects)
    }

    func stop() async {
        for task in tasks { task.cancel() }
        for link in links.values { link.finish() }
        await host.shutdown()
    }

    private var time: Duration { .seconds(now() - start) }

    private func beat() async {
        while !Task.isCancelled {
            perform(router.handle(.heartbeat, now: time))
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func took(_ event: PeerEvent) {
        switch event {
        case .connected(let peer, _, let isInbound): begin(peer, isInbound)
        case .disconnected(let peer, _):
            links.removeValue(forKey: peer)?.finish()
            perform(router.handle(.disconnected(peer), now: time))
        default: break
        }
    }

    private func begin(_ peer: PeerID, _ isInbound: Bool) {
        let (messages, link) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingNewest(4_096))
        links[peer] = link
        Task { [host] in
            do throws(WireError) {
                let stream = try await host.openStream(to: peer, protocols: [GossipNode.protocolID], lazily: false)
                for await message in messages { try await stream.writeMessage(message) }
                stream.close()
            } catch {
                // The end of the connection is an event of its own.
                link.finish()
            }
        }
        let info = GossipPeerInfo(peer: peer, direction: isInbound ? .inbound : .outbound)
        perform(router.handle(.connected(info), now: time))
    }

    private func listen(to stream: PeerStream) async {
        do throws(WireError) {
            while let bytes = try await stream.readMessage(limit: GossipNode.messageLimit) {
                perform(router.handle(.received(from: stream.peer, bytes), now: time))
            }
        } catch {
            stream.reset(error.reason)
        }
    }

    private func perform(_ effects: [GossipEffect]) {
        for effect in effects {
            switch effect {
            case .send(let send): links[send.peer]?.yield(send.rpc.encoded())
            case .deliver(let delivery):
                arrivals.arrived(delivery.data)
                perform(router.handle(.validated(delivery.id, .accept), now: time))
            case .connect, .cut, .log: break
            }
        }
    }
}
