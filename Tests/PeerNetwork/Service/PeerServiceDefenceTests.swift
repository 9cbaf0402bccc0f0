import Logging
import Primitives
import Synchronization
import TestSupport
import Testing

@testable import PeerNetwork

/// Full nodes, peers that move, and peers who lie about others, over real sockets.
@Suite("PeerService: places and addresses", .serialized, .timeLimit(.minutes(3)))
struct PeerServiceDefenceTests {
    func start(
        key: SecretKey = .generate(), configured: [Multiaddr] = [],
        _ change: (inout PeerServiceConfiguration) -> Void = { _ in }
    ) async throws -> PeerService {
        var configuration = PeerServiceConfiguration(network: "test")
        configuration.listen = [Multiaddr(.v4(0x7f00_0001), tcp: 0)]
        configuration.configured = configured
        configuration.tickInterval = .milliseconds(100)
        configuration.host.threads = 1
        change(&configuration)
        let service = try PeerService(key: key, configuration: configuration, logger: Logger(label: "test"))
        try await service.start()
        return service
    }

    func address(_ service: PeerService) throws -> Multiaddr {
        try #require(service.host.listenAddresses.first).with(service.host.peer)
    }

    func until(_ seconds: Int, _ condition: () async -> Bool) async -> Bool {
        for _ in 0..<seconds * 20 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    @Test("a full node makes room for a newcomer: who was of least use gives way, and never who was of use")
    func eviction() async throws {
        let node = try await start { $0.limits.inbound = 20 }
        let full = try address(node)
        var hosts: [PeerHost] = []
        for _ in 0..<20 {
            let host = PeerHost(key: .generate(), configuration: .small)
            hosts.append(host)
            _ = try await host.connect(to: full)
            #expect(await until(5) { node.host.isConnected(to: host.peer) })
        }
        // The newest of them brings something.
        let useful = try #require(hosts.last)
        await node.wasUseful(useful.peer)
        let newcomer = PeerHost(key: .generate(), configuration: .small)
        _ = try await newcomer.connect(to: full)
        #expect(await until(5) { node.host.isConnected(to: newcomer.peer) && node.host.connectedPeers.count == 20 })
        #expect(node.host.isConnected(to: useful.peer))
        // Those that came first are protected by their age.
        for host in hosts.prefix(8) { #expect(node.host.isConnected(to: host.peer)) }
        for host in hosts + [newcomer] { await host.shutdown() }
        _ = await node.stop()
    }

    @Test("a configured peer that comes back at another address is found through others, and connected again")
    func moves() async throws {
        let key = SecretKey.generate()
        let moving = try await start(key: key)
        let old = try address(moving)
        let middle = try await start()
        let quick: (inout PeerServiceConfiguration) -> Void = { $0.gossip.directConnectHeartbeats = 10 }
        let watcher = try await start(configured: [old, try address(middle)], quick)
        #expect(await until(10) { watcher.host.connectedPeers.count == 2 })
        _ = await moving.stop()
        #expect(await until(10) { !watcher.host.isConnected(to: moving.host.peer) })
        // The same peer at another port, which knows only the one in the middle and dials nobody else.
        let back = try await start(key: key) { configuration in
            configuration.dialing.outboundTarget = 0
            configuration.exchangesPeers = false
        }
        #expect(try address(back) != old)
        _ = try await middle.connect(to: try address(back))
        #expect(await until(40) { watcher.host.isConnected(to: back.host.peer) })
        for service in [watcher, back, middle] { _ = await service.stop() }
    }

    @Test("an address that is new is dialled at once, however long the peer's others have failed")
    func newAddress() {
        var (scheduler, book) = (DialScheduler(), AddressBook(salt: []))
        let (peer, other) = (Fixture.peer(1), Fixture.peer(2))
        let old = AddressBook.Key(peer, Fixture.ownRange(1))
        // Something else is connected, so that failures are the peer's.
        scheduler.inboundConnected(other)
        _ = book.add(peer, old.address, source: .configured, teller: nil, now: .seconds(1))
        var now = Duration.seconds(1)
        for _ in 0..<12 {
            now += .seconds(7_200)
            let dials = scheduler.tick(book: &book, now: now)
            #expect(dials.contains(.dial(.init(key: old, purpose: .configured))))
            scheduler.dialFailed(old, book: &book, now: now)
        }
        now += .seconds(1)
        let none = scheduler.tick(book: &book, now: now)
        #expect(none.isEmpty)
        let new = AddressBook.Key(peer, Fixture.ownRange(2))
        _ = book.add(peer, new.address, source: .identify, teller: nil, now: now)
        scheduler.learntAddress(of: peer)
        let again = scheduler.tick(book: &book, now: now)
        #expect(again == [.dial(.init(key: new, purpose: .configured))])
    }

    @Test(
        "whom a PRUNE names is believed where the peer has signed its addresses, and a forged record is the teller's fault"
    )
    func exchange() async throws {
        let node = try await start { $0.dialing.outboundTarget = 0 }
        let teller = PeerHost(key: .generate(), configuration: .small)
        _ = try await teller.connect(to: try address(node))
        #expect(await until(5) { node.host.isConnected(to: teller.peer) })
        let (key, liar) = (SecretKey.generate(), SecretKey.generate())
        let place = try Multiaddr(text: "/ip4/192.0.2.9/tcp/4001")
        let honest = SignedPeerRecord(key, sequence: 1, addresses: [place])
        func told(_ peer: PeerID, _ envelope: [UInt8]?) async {
            await node.perform([
                .connect([GossipRPC.Candidate(peer: peer.bytes, record: envelope)], teller: teller.peer)
            ])
        }
        await told(honest.peer, honest.envelope)
        #expect(await node.book.addresses(of: honest.peer).map(\.key.address) == [place])
        #expect(await node.book.addresses(of: honest.peer).first?.sources == [.signedRecord])
        // Another's record under this peer's name, and one that was changed.
        let victim = PeerID(SecretKey.generate().publicKey)
        let forged = SignedPeerRecord(liar, sequence: 9, addresses: [try Multiaddr(text: "/ip4/203.0.113.5/tcp/1")])
        var changed = honest.envelope
        changed[changed.count - 1] ^= 1
        await told(victim, forged.envelope)
        await told(victim, changed)
        await told(victim, nil)
        #expect(await node.book.addresses(of: victim).isEmpty)
        let conduct = await node.report().first { $0.peer == teller.peer }?.conduct
        #expect(conduct?.counts == [.badGossip: 2])
        await teller.shutdown()
        _ = await node.stop()
    }
}

extension PeerServiceDefenceTests {
    @Test("everyone hears everything over links that delay, are slow and break")
    func badLinks() async throws {
        let topic = "/test/bad/1"
        let middle = try await start()
        var links: [ImpairedLink] = []
        var nodes = [middle]
        for number in 0..<3 {
            let link = try ImpairedLink(to: try #require(try address(middle).tcpTarget).port)
            link.set { ($0.delayMilliseconds, $0.bytesPerSecond) = (10 * (number + 1), 300_000) }
            links.append(link)
            nodes.append(
                try await start(configured: [Multiaddr(.v4(0x7f00_0001), tcp: link.port).with(middle.host.peer)]) {
                    // Only over its link.
                    $0.dialing.outboundTarget = 0
                })
        }
        let heard = Mutex<[Int: Set<[UInt8]>]>([:])
        for (number, node) in nodes.enumerated() {
            try await node.join(topic) { delivery in
                heard.withLock { _ = $0[number, default: []].insert(delivery.data) }
                return .accept
            }
        }
        for node in nodes.dropFirst() { #expect(await until(20) { await !node.mesh(of: topic).isEmpty }) }
        for round in 0..<4 {
            // The first link breaks between messages; its node comes back.
            if round == 2 {
                links[0].reset()
                #expect(await until(30) { await !nodes[1].mesh(of: topic).isEmpty })
            }
            for (number, node) in nodes.enumerated() {
                try await node.publish([UInt8](repeating: UInt8(round * 16 + number), count: 20_000), to: topic)
            }
        }
        let all = nodes.count
        let whole = await until(40) {
            heard.withLock { sets in (0..<all).allSatisfy { sets[$0]?.count == 4 * (all - 1) } }
        }
        #expect(whole, "\(heard.withLock { $0.mapValues(\.count) }) of \(4 * (all - 1)) each")
        for link in links { link.close() }
        for node in nodes { _ = await node.stop() }
    }
}
