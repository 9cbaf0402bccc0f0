import NIOCore
import NIOPosix
import PeerNetwork
import Primitives
import Testing

@Suite("Multicast discovery")
struct MulticastDiscoveryTests {
    private func discovery(
        _ number: Int, _ configure: (inout MulticastDiscovery.Configuration) -> Void = { _ in }
    ) throws -> MulticastDiscovery {
        var configuration = MulticastDiscovery.Configuration()
        configure(&configuration)
        return try MulticastDiscovery(
            owner: Fixture.peer(number), addresses: [Fixture.address(192, 168, 1, number)],
            configuration: configuration, random: PeerRandom(seed: UInt64(number)))
    }

    private func packets(_ effects: [MulticastDiscovery.Effect]) -> [[UInt8]] {
        effects.compactMap { if case .multicast(let bytes) = $0 { bytes } else { nil } }
    }

    @Test("asks often at first, then ever less, and finds whoever answers")
    func schedule() throws {
        var asker = try discovery(1)
        asker.start(now: .zero)
        var times: [Duration] = []
        while times.count < 12, let due = asker.nextTick {
            if !packets(asker.tick(now: due)).isEmpty { times.append(due) }
        }
        #expect(times[0] >= .milliseconds(20) && times[0] <= .milliseconds(120))
        let waits = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(waits[0] < .milliseconds(1_200) && waits[3] > .seconds(7) && waits[10] > .seconds(260))
        #expect(waits.allSatisfy { $0 <= .seconds(331) })
    }

    @Test("answers to all after a random wait, once a second; the asker learns the addresses, and when they go")
    func answers() throws {
        var (asker, answerer) = (try discovery(1), try discovery(2))
        asker.start(now: .zero)
        let asked = asker.tick(now: .seconds(1))
        let query = try #require(packets(asked).first)
        let once = answerer.received(query, port: 5353, now: .seconds(1))
        #expect(once.isEmpty)
        let twice = answerer.received(query, port: 5353, now: .seconds(1))
        #expect(twice.isEmpty)
        let due = try #require(answerer.nextTick)
        let sent = packets(answerer.tick(now: due))
        #expect(sent.count == 1 && answerer.nextTick == nil)
        let answer = try #require(sent.first)
        let found = asker.received(answer, port: 5353, now: due)
        let contact = KademliaContact(id: Fixture.peer(2), addresses: [Fixture.address(192, 168, 1, 2)])
        #expect(found == [.found(contact)])
        let repeated = asker.received(answer, port: 5353, now: due)
        #expect(repeated.isEmpty, "nothing new")
        let own = answerer.received(answer, port: 5353, now: due)
        #expect(own.isEmpty, "its own answer says nothing to it")
        _ = answerer.received(query, port: 5353, now: due + .milliseconds(10))
        #expect(try #require(answerer.nextTick) >= due + .seconds(1), "not twice within a second")
        let goodbye = asker.received(answerer.goodbye(), port: 5353, now: due)
        #expect(goodbye == [.lost(Fixture.peer(2))])
        _ = asker.received(answer, port: 5353, now: due)
        let later = asker.tick(now: due + .seconds(121))
        #expect(later.contains(.lost(Fixture.peer(2))), "a record that is not renewed ends")
    }

    @Test("answers the old way, the meta query and questions for details, and keeps quiet when the asker knows")
    func otherQuestions() throws {
        var answerer = try discovery(2)
        let service = try DNSName("_p2p._udp.local")
        let instance = try service.child(answerer.peerName)
        var legacy = DNSMessage(isResponse: false, questions: [.init(service, type: 12)])
        legacy.id = 77
        let reply = answerer.received(legacy.bytes, port: 40_000, now: .zero)
        guard case .answerAsker(let bytes)? = reply.first else {
            Issue.record("no answer to another port")
            return
        }
        let message = try DNSMessage(bytes)
        #expect(message.id == 77 && message.questions.count == 1)
        #expect(message.additional.map(\.type) == [16, 33, 1])
        let meta = DNSMessage(
            isResponse: false, questions: [.init(try DNSName("_services._dns-sd._udp.local"), type: 12)])
        let services = answerer.received(meta.bytes, port: 5353, now: .zero)
        #expect(packets(services).count == 1)
        let again = answerer.received(meta.bytes, port: 5353, now: .zero)
        #expect(again.isEmpty, "once a second")
        var known = DNSMessage(isResponse: false, questions: [.init(service, type: 12)])
        known.answers = [.init(service, .pointer(instance), seconds: 100)]
        _ = answerer.received(known.bytes, port: 5353, now: .zero)
        #expect(answerer.nextTick == nil)
        let details = DNSMessage(isResponse: false, questions: [.init(instance, type: 16)])
        _ = answerer.received(details.bytes, port: 5353, now: .zero)
        #expect(answerer.nextTick != nil)
    }

    @Test("keeps a bounded number of peers, and reads no more packets than the rate lets in")
    func floods() throws {
        var asker = try discovery(1)
        for number in 0..<2_000 {
            let other = try discovery(10 + number)
            let packet = Array(other.goodbye())
            var message = try DNSMessage(packet)
            message.additional = message.additional.map {
                .init($0.name, $0.content, seconds: 120, flushesCache: true)
            }
            _ = asker.received(message.bytes, port: 5353, now: .milliseconds(number * 50))
        }
        #expect(asker.knownPeers.count == 256)
        var hurried = try discovery(3)
        let packet = try discovery(4).goodbye()
        for _ in 0..<200 { _ = hurried.received(packet, port: 5353, now: .zero) }
        let query = DNSMessage(isResponse: false, questions: [.init(try DNSName("_p2p._udp.local"), type: 12)])
        let refused = hurried.received(query.bytes, port: 9, now: .zero)
        #expect(refused.isEmpty, "the burst is used up")
        let later = hurried.received(query.bytes, port: 9, now: .seconds(1))
        #expect(!later.isEmpty)
    }

    @Test("two nodes of one machine find one another over the loopback interface", .timeLimit(.minutes(1)))
    func loopback() async throws {
        let devices = try MulticastDriver.devices(includesLoopback: true).filter { $0.name == "lo" }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var drivers: [MulticastDriver] = []
        let port = UInt16.random(in: 20_000..<30_000)
        for number in 1...2 {
            let discovery = try discovery(number) { $0.port = port }
            drivers.append(try await MulticastDriver.start(discovery, on: devices, eventLoop: group.next()))
        }
        for (driver, number) in zip(drivers, [2, 1]) {
            var events = driver.events.makeAsyncIterator()
            let event = await events.next()
            let address = Fixture.address(192, 168, 1, number)
            #expect(event == .found(KademliaContact(id: Fixture.peer(number), addresses: [address])))
        }
        await drivers[1].stop()
        var events = drivers[0].events.makeAsyncIterator()
        let last = await events.next()
        #expect(last == .lost(Fixture.peer(2)), "it says goodbye")
        await drivers[0].stop()
        try await group.shutdownGracefully()
    }
}
