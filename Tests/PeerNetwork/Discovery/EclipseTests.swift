import PeerNetwork
import Testing

/// An attacker with 1,000 identities in ten address ranges against ten honest nodes, each in a range of its own. The
/// attacker fills the address book over peer exchange and Kademlia, answers every dial, drops no connection of its own,
/// and fills all inbound places. Time is virtual; everything follows from the seed.
private struct Eclipse {
    enum Party { case honest, attacker }

    static let honestCount = 10
    static let attackerCount = 1_000
    static let attackerRanges = 10

    var book: AddressBook
    var scheduler: DialScheduler
    var limits = ConnectionLimits()
    var random: PeerRandom
    var now: Duration = .seconds(1_800_000_000)
    var party: [PeerID: Party] = [:]
    let honest: [AddressBook.Key]
    let attackers: [AddressBook.Key]
    var outbound: Set<PeerID> = []
    private let seed: UInt64
    private var starts: UInt64 = 0

    init(seed: UInt64) {
        self.seed = seed
        random = PeerRandom(seed: seed)
        book = AddressBook(salt: random.bytes(count: 16))
        honest = (0..<Self.honestCount).map { AddressBook.Key(Fixture.peer($0), Fixture.ownRange($0 * 3)) }
        attackers = (0..<Self.attackerCount).map {
            AddressBook.Key(
                Fixture.peer(1_000 + $0),
                Fixture.address(150, $0 % Self.attackerRanges, $0 / 250, $0 / Self.attackerRanges % 250))
        }
        scheduler = DialScheduler(random: PeerRandom(seed: seed &+ 1))
        for key in honest { party[key.peer] = .honest }
        for key in attackers { party[key.peer] = .attacker }
    }

    var honestOutbound: Int { outbound.count { party[$0] == .honest } }

    func host(_ key: AddressBook.Key) -> HostAddress? { HostAddress(multiaddr: key.address.bytes) }

    /// One round of the attacker: every identity is named by a random other one, over both ways.
    mutating func flood() {
        for key in attackers.shuffled(using: &random).prefix(300) {
            let teller = attackers.randomElement(using: &random).flatMap(host)
            _ = book.add(key.peer, key.address, source: .peerExchange, teller: teller, now: now)
            _ = book.add(key.peer, key.address, source: .kademlia, teller: teller, now: now)
        }
        for key in attackers.shuffled(using: &random).prefix(200) {
            guard let host = host(key) else { continue }
            _ = try? limits.admit(host: host, direction: .inbound, now: now)
        }
    }

    /// Lets the scheduler work for a time. Honest connections break now and then, those of the attacker never.
    mutating func run(for time: Duration, honestBreaks: Double = 0.002) {
        let end = now + time
        while now < end {
            for effect in scheduler.tick(book: &book, now: now) { carryOut(effect) }
            for peer in outbound.sorted()
            where party[peer] == .honest && Double.random(in: 0..<1, using: &random) < honestBreaks {
                outbound.remove(peer)
                scheduler.disconnected(peer, now: now)
            }
            now += .seconds(10)
        }
    }

    private mutating func carryOut(_ effect: DialScheduler.Effect) {
        switch effect {
        case .close(let peer):
            outbound.remove(peer)
            scheduler.disconnected(peer, now: now)
        case .dial(let dial):
            // One dial of an honest node in ten fails.
            if party[dial.key.peer] == .honest, Int.random(in: 0..<10, using: &random) == 0 {
                scheduler.dialFailed(dial.key, book: &book, now: now)
                return
            }
            outbound.insert(dial.key.peer)
            for next in scheduler.dialSucceeded(dial.key, book: &book, now: now) { carryOut(next) }
        }
    }

    /// The node ends and starts again, from what it persisted.
    mutating func restart(keepsAnchors: Bool) throws {
        starts += 1
        let anchors = keepsAnchors ? scheduler.anchorsToKeep(now: now) : []
        book = try AddressBook(decoding: book.encoded())
        scheduler = DialScheduler(anchors: anchors, random: PeerRandom(seed: seed &+ 1_000 &* starts))
        outbound = []
        limits = ConnectionLimits()
    }
}

@Suite("Eclipse")
struct EclipseTests {
    private static let seeds: ClosedRange<UInt64> = 1...Extent.pick(4, long: 100)
    /// For tests whose books and tables take tens of thousands of addresses.
    private static let fewSeeds: ClosedRange<UInt64> = 1...Extent.pick(2, long: 20)

    @Test("a node that was connected to honest peers before the attack stays so, over restarts, without anchors too")
    func attackedLater() throws {
        for seed in Self.seeds {
            var world = Eclipse(seed: seed)
            for key in world.honest.prefix(5) {
                _ = world.book.add(key.peer, key.address, source: .kademlia, teller: nil, now: world.now)
            }
            world.run(for: .seconds(1_200))
            #expect(world.honestOutbound >= 1, "seed \(seed): before the attack")
            for round in 0..<4 {
                for _ in 0..<2 { world.flood() }
                world.run(for: .seconds(1_800))
                #expect(world.honestOutbound >= 1, "seed \(seed), round \(round)")
                try world.restart(keepsAnchors: round % 2 == 0)
                world.flood()
                world.run(for: .seconds(120))
                #expect(world.honestOutbound >= 1, "seed \(seed), round \(round), after a restart")
            }
        }
    }

    @Test("a node with one configured honest peer finds it among a thousand attackers that were there first")
    func configured() {
        for seed in Self.seeds {
            var world = Eclipse(seed: seed)
            for _ in 0..<10 { world.flood() }
            let key = world.honest[0]
            _ = world.book.add(key.peer, key.address, source: .configured, teller: nil, now: world.now)
            world.run(for: .seconds(600), honestBreaks: 0)
            #expect(world.honestOutbound >= 1, "seed \(seed)")
        }
    }

    /// No attacker range is preferred by its number of addresses: one honest address in eleven ranges gets one of eight
    /// places with a chance of eight in eleven, and with feelers and rotation in the long run.
    @Test("a node whose book had one honest address before the flood reaches it in the course of a day")
    func oneAmongThousand() {
        for seed in Self.seeds {
            var world = Eclipse(seed: seed)
            let key = world.honest[0]
            _ = world.book.add(key.peer, key.address, source: .kademlia, teller: nil, now: world.now)
            for _ in 0..<10 { world.flood() }
            #expect(world.book[key] != nil, "seed \(seed): the flood does not move it out")
            var wasReached = false
            for _ in 0..<96 where !wasReached {
                world.run(for: .seconds(900), honestBreaks: 0)
                wasReached = world.book[key]?.firstSuccess != nil
            }
            #expect(wasReached, "seed \(seed)")
        }
    }

    @Test("no range of tellers reaches more than its part of the book, and none of the tried ones but its own")
    func bookIsShared() {
        for seed in Self.fewSeeds {
            var random = PeerRandom(seed: seed)
            let configuration = AddressBook.Configuration()
            var book = AddressBook(salt: random.bytes(count: 16))
            let teller = Fixture.host(150, 1, 1, 1)
            for number in 0..<20_000 {
                let address = Fixture.address(100 + number % 50, number / 50 % 200, number / 10_000, number % 251)
                _ = book.add(Fixture.peer(number), address, source: .peerExchange, teller: teller, now: .seconds(9))
            }
            let bound = configuration.newBucketsPerSource * configuration.bucketSize
            #expect(book.newCount <= bound, "seed \(seed): \(book.newCount) of \(bound)")
            var inOneRange = AddressBook(salt: random.bytes(count: 16))
            for number in 0..<5_000 {
                let address = Fixture.address(150, 3, number / 250, number % 250)
                let key = AddressBook.Key(Fixture.peer(number), address)
                _ = inOneRange.add(
                    key.peer, address, source: .inbound, teller: Fixture.host(number, 2, 3, 4), now: .seconds(9))
                inOneRange.succeeded(key, now: .seconds(10))
            }
            let tried = configuration.triedBucketsPerRange * configuration.bucketSize
            #expect(inOneRange.triedCount <= tried, "seed \(seed): \(inOneRange.triedCount) of \(tried)")
        }
    }

    @Test("inbound places are shared by ranges, and the range with the most gives way to a newcomer")
    func inboundPlaces() throws {
        for seed in Self.seeds {
            var random = PeerRandom(seed: seed)
            var limits = ConnectionLimits()
            var now: Duration = .zero
            var honest: Set<ConnectionLimits.Ticket> = []
            for number in 0..<6 {
                honest.insert(try limits.admit(host: Fixture.host(30, number, 1, 1), direction: .inbound, now: now))
                now += .seconds(1)
            }
            var admitted = 0
            for number in 0..<5_000 {
                now += .milliseconds(50)
                let host = Fixture.host(150, number % 10, Int.random(in: 0..<250, using: &random), number % 250)
                if (try? limits.admit(host: host, direction: .inbound, now: now)) != nil { admitted += 1 }
            }
            #expect(admitted <= 160, "seed \(seed): ten ranges have \(admitted) places")
            // Honest newcomers make attackers leave, one each.
            for number in 6..<20 {
                now += .seconds(1)
                if limits.inboundCount >= limits.configuration.inbound {
                    let ticket = try #require(limits.evictionCandidate())
                    #expect(!honest.contains(ticket), "seed \(seed): an honest connection gave way")
                    limits.release(ticket)
                }
                let host = Fixture.host(30, number, 1, 1)
                honest.insert(try limits.admit(host: host, direction: .inbound, now: now))
            }
        }
    }

    @Test("a routing table holds few peers of one range, however many come")
    func tableIsShared() {
        for seed in Self.fewSeeds.map(Int.init) {
            var table = RoutingTable(owner: Fixture.peer(seed))
            for number in 0..<2_000 {
                let address = Fixture.address(150, number % 10, number / 250, number % 250)
                _ = table.observe(
                    KademliaContact(id: Fixture.peer(seed * 10_000 + number), addresses: [address]),
                    host: HostAddress(multiaddr: address.bytes), now: .seconds(number))
            }
            #expect((10...40).contains(table.count), "seed \(seed): \(table.count) peers of ten ranges")
            for range in 0..<10 {
                let range = Fixture.host(150, range, 0, 0).range(ip4Bits: 16, ip6Bits: 32)
                #expect(table.count(in: range) <= 4)
            }
        }
    }
}
