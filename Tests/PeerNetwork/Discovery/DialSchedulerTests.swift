import PeerNetwork
import Testing

@Suite("Dial scheduler")
struct DialSchedulerTests {
    private let start: Duration = .seconds(1_800_000_000)

    private func dials(_ effects: [DialScheduler.Effect]) -> [DialScheduler.Dial] {
        effects.compactMap { if case .dial(let dial) = $0 { dial } else { nil } }
    }

    private func book(_ count: Int) -> AddressBook {
        var book = AddressBook(salt: Array(1...16))
        for number in 0..<count {
            _ = book.add(Fixture.peer(number), Fixture.ownRange(number), source: .kademlia, teller: nil, now: start)
        }
        return book
    }

    @Test("dials configured peers and anchors first, then one peer a range up to the target")
    func order() {
        var book = book(100)
        let configured = AddressBook.Key(Fixture.peer(900), Fixture.ownRange(900))
        _ = book.add(configured.peer, configured.address, source: .configured, teller: nil, now: start)
        let anchor = AddressBook.Key(Fixture.peer(5), Fixture.ownRange(5))
        var scheduler = DialScheduler(anchors: [anchor], random: PeerRandom(seed: 1))
        let first = dials(scheduler.tick(book: &book, now: start))
        #expect(first.prefix(2).map(\.purpose) == [.configured, .anchor])
        #expect(first.prefix(2).map(\.key) == [configured, anchor])
        #expect(first.count == 8, "as many dials as may be under way")
        for dial in first { _ = scheduler.dialSucceeded(dial.key, book: &book, now: start) }
        let second = dials(scheduler.tick(book: &book, now: start))
        #expect(second.count == 1, "eight of its own choice, and the configured one")
        #expect(Set((first + second).compactMap { RangeRules().range(of: $0.key.address) }).count == 9)
        scheduler.isLowBandwidth = true
        let nothing = scheduler.tick(book: &book, now: start + .seconds(1))
        #expect(nothing.isEmpty)
    }

    @Test("a second peer of a range is dialled when the book has no other range, and not before")
    func oneRange() {
        var book = AddressBook(salt: Array(1...16))
        for number in 0..<40 {
            let address = Fixture.address(150, number < 38 ? 1 : number, 1, number)
            _ = book.add(Fixture.peer(number), address, source: .kademlia, teller: nil, now: start)
        }
        var scheduler = DialScheduler(random: PeerRandom(seed: 2))
        let keys = dials(scheduler.tick(book: &book, now: start)).map(\.key)
        let ranges = keys.compactMap { RangeRules().range(of: $0.address) }
        #expect(Set(ranges.prefix(3)).count == 3)
        #expect(keys.count == 8 && Set(ranges).count == 3)
    }

    @Test("waits longer after each failure, by a random part, and tries at once when the network changed")
    func backoff() {
        var book = AddressBook(salt: Array(1...16))
        let key = AddressBook.Key(Fixture.peer(1), Fixture.ownRange(1))
        _ = book.add(key.peer, key.address, source: .configured, teller: nil, now: start)
        var scheduler = DialScheduler(random: PeerRandom(seed: 3))
        var now = start
        var waits: [Duration] = []
        var failed = start
        while waits.count < 12 {
            if dials(scheduler.tick(book: &book, now: now)).isEmpty {
                now += .milliseconds(4_321)
                continue
            }
            waits.append(now - failed)
            scheduler.dialFailed(key, book: &book, now: now)
            failed = now
        }
        #expect(waits[0] == .zero)
        #expect(waits[1] < .seconds(9) && waits[4] > .seconds(19) && waits[11] >= .seconds(1_800))
        #expect(waits.allSatisfy { $0 <= .seconds(5_401) })
        #expect(book[key]?.failures == 0, "without any connection, addresses are not blamed")
        let blocked = scheduler.tick(book: &book, now: now + .seconds(1))
        #expect(blocked.isEmpty)
        scheduler.networkChanged()
        let after = dials(scheduler.tick(book: &book, now: now + .seconds(1)))
        #expect(after.map(\.key) == [key])
    }

    @Test("feelers move addresses that work to the tried ones and are closed; old connections become anchors")
    func feelers() {
        var book = book(60)
        var scheduler = DialScheduler(random: PeerRandom(seed: 4))
        var now = start
        var closed = 0
        var feelers = 0
        for _ in 0..<720 {
            for effect in scheduler.tick(book: &book, now: now) {
                guard case .dial(let dial) = effect else { continue }
                feelers += dial.purpose == .feeler ? 1 : 0
                for next in scheduler.dialSucceeded(dial.key, book: &book, now: now) {
                    if case .close(let peer) = next {
                        closed += 1
                        scheduler.disconnected(peer, now: now)
                    }
                }
            }
            #expect(scheduler.outboundPeers.count <= 8)
            now += .seconds(10)
        }
        #expect(feelers > 20 && closed >= feelers)
        #expect(book.triedCount > 20)
        let anchors = scheduler.anchorsToKeep(now: now)
        #expect(anchors.count == 2 && Set(anchors.map(\.peer)).isSubset(of: Set(scheduler.outboundPeers)))
    }
}
