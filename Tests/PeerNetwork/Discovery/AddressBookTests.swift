import PeerNetwork
import Primitives
import Testing

@Suite("Address book")
struct AddressBookTests {
    private let start: Duration = .seconds(1_800_000_000)

    private func book(_ configure: (inout AddressBook.Configuration) -> Void = { _ in }) -> AddressBook {
        var configuration = AddressBook.Configuration()
        configure(&configuration)
        return AddressBook(salt: Array(1...16), configuration: configuration)
    }

    private func fill(_ book: inout AddressBook, _ count: Int) -> [AddressBook.Key] {
        (0..<count).compactMap { number in
            let key = AddressBook.Key(Fixture.peer(number), Fixture.ownRange(number))
            let teller = Fixture.host(number % 200 + 20, number % 7, 1, 1)
            let result = book.add(key.peer, key.address, source: .kademlia, teller: teller, now: start)
            return result == .added ? key : nil
        }
    }

    @Test("keeps what was heard apart from what worked, and drops what is stale")
    func tables() throws {
        var book = book()
        let keys = fill(&book, 500)
        #expect(keys.count > 450 && book.newCount == keys.count && book.triedCount == 0)
        for key in keys.prefix(100) { book.succeeded(key, now: start + .seconds(60)) }
        #expect(book.triedCount > 90)
        #expect(book.newCount + book.triedCount == book.addressCount)
        let entry = try #require(book[keys[0]])
        #expect(entry.firstSuccess == start + .seconds(60) && entry.sources == [.kademlia])
        book.expire(now: start + .seconds(30 * 24 * 3600 + 30))
        #expect(book.addressCount == 100, "those that worked were seen later")
        book.forget(keys[0].peer)
        #expect(book[keys[0]] == nil && book.addressCount == 99)
    }

    @Test("bounds the addresses of a peer, and a failing one gives way")
    func addressesOfPeer() {
        var book = book { $0.addressesPerPeer = 3 }
        let peer = Fixture.peer(1)
        func add(_ number: Int, _ expected: AddressBook.Addition) {
            let result = book.add(peer, Fixture.ownRange(number), source: .identify, teller: nil, now: start)
            #expect(result == expected, "address \(number)")
        }
        for number in 0..<3 { add(number, .added) }
        add(0, .updated)
        add(3, .peerHasTooMany)
        book.failed(AddressBook.Key(peer, Fixture.ownRange(1)), now: start)
        add(3, .added)
        #expect(book.addresses(of: peer).count == 3)
        #expect(book[AddressBook.Key(peer, Fixture.ownRange(1))] == nil)
    }

    /// One bucket of one place: every address contends for it.
    @Test("the owner of a tried place keeps it until it fails a check")
    func collision() throws {
        var book = book { ($0.triedBuckets, $0.bucketSize, $0.newBuckets) = (1, 1, 4_096) }
        let keys = fill(&book, 40)
        book.succeeded(keys[0], now: start)
        book.succeeded(keys[1], now: start + .seconds(100))
        #expect(book.triedCount == 1)
        var random = PeerRandom(seed: 1)
        #expect(book.feeler(excluding: .init(), random: &random) == keys[0], "the owner is to be checked")
        book.succeeded(keys[0], now: start + .seconds(110))
        #expect(book.candidates(.tried, count: 9, excluding: .init(), random: &random) == [keys[0]])
        book.succeeded(keys[1], now: start + .seconds(200))
        book.failed(keys[0], now: start + .seconds(300))
        #expect(book.candidates(.tried, count: 9, excluding: .init(), random: &random) == [keys[1]])
    }

    @Test("candidates are of different ranges and peers, whatever a range has, and the oldest come first for seniors")
    func candidates() throws {
        var book = book()
        for number in 0..<300 {
            let key = AddressBook.Key(Fixture.peer(number), Fixture.address(150, 1, number / 250, number % 250))
            _ = book.add(key.peer, key.address, source: .kademlia, teller: Fixture.host(number, 3, 1, 1), now: start)
        }
        // Of ten, the first four that found a place of their own.
        let offered = (0..<10).map { AddressBook.Key(Fixture.peer(900 + $0), Fixture.ownRange($0)) }
        var rare: [AddressBook.Key] = []
        for key in offered where rare.count < 4 {
            let result = book.add(key.peer, key.address, source: .kademlia, teller: nil, now: start)
            if result == .added { rare.append(key) }
        }
        for (index, key) in rare.enumerated() {
            book.succeeded(key, now: start + .seconds(100 - index))
        }
        var counts: [PeerID: Int] = [:]
        for seed in 1...200 as ClosedRange<UInt64> {
            var random = PeerRandom(seed: seed)
            let picked = book.candidates(.new, count: 8, excluding: .init(), random: &random)
            #expect(picked.count == 1, "one range, one candidate")
            let tried = book.candidates(.tried, count: 2, excluding: .init(), random: &random)
            for key in tried { counts[key.peer, default: 0] += 1 }
        }
        #expect(rare.allSatisfy { (60...140).contains(counts[$0.peer, default: 0]) }, "\(counts.values)")
        var random = PeerRandom(seed: 1)
        let seniors = book.candidates(.senior, count: 4, excluding: .init(), random: &random)
        #expect(seniors == rare.reversed())
        let range = try #require(RangeRules().range(of: rare[3].address))
        let others = book.candidates(.senior, count: 1, excluding: .init(ranges: [range]), random: &random)
        #expect(others == [rare[2]])
    }

    @Test("reads what it wrote; damaged bytes give a typed error and no more entries than there were")
    func persistence() throws {
        var book = book()
        let keys = fill(&book, 200)
        for key in keys.prefix(50) { book.succeeded(key, now: start) }
        for key in keys.suffix(50) { book.failed(key, now: start) }
        _ = book.add(Fixture.peer(7_000), Fixture.ownRange(9), source: .configured, teller: nil, now: start)
        let bytes = book.encoded()
        let read = try AddressBook(decoding: bytes)
        #expect(read.encoded() == bytes)
        #expect(read.triedCount == book.triedCount && read.configuredPeers == book.configuredPeers)
        #expect(throws: PersistedStateError.version(9, supported: 1)) {
            try AddressBook(decoding: [0x83, 9, 0x40, 0x80])
        }
        #expect(throws: PersistedStateError.self) { try AddressBook(decoding: []) }
        #expect(throws: PersistedStateError.self) {
            try AddressBook(decoding: [UInt8](repeating: 0, count: AddressBook.byteLimit + 1))
        }
        var random = PeerRandom(seed: 3)
        let small = Array(try AddressBook(decoding: bytes).encoded().prefix(4_000))
        var refused = 0
        for _ in 0..<1_000 {
            do {
                let other = try AddressBook(decoding: Fixture.mutated(small, random: &random))
                #expect(other.addressCount <= 201)
            } catch { refused += 1 }
        }
        #expect(refused == 1_000, "the bytes end too soon")
        var few = self.book()
        _ = fill(&few, 5)
        let whole = few.encoded()
        var taken = 0
        for _ in 0..<3_000 {
            let other = try? AddressBook(decoding: Fixture.mutated(whole, random: &random))
            if let other {
                taken += 1
                #expect(other.addressCount <= 5)
            }
        }
        #expect(taken > 0, "a bit of an address may turn")
    }
}

@Suite("Peer exchange")
struct PeerExchangeTests {
    private let start: Duration = .seconds(1_800_000_000)

    @Test("asks, answers with a sample, and takes the answer of whoever was asked")
    func exchange() throws {
        var book = AddressBook(salt: [1])
        for number in 0..<100 {
            _ = book.add(Fixture.peer(number), Fixture.ownRange(number), source: .identify, teller: nil, now: start)
        }
        let inside = Fixture.address(10, 0, 0, 1)
        _ = book.add(Fixture.peer(500), inside, source: .identify, teller: nil, now: start)
        var server = PeerExchange(random: PeerRandom(seed: 1))
        var client = PeerExchange(random: PeerRandom(seed: 2))
        let (asked, asker) = (Fixture.peer(800), Fixture.peer(801))
        let question = client.ask(asked, now: start)
        let again = client.ask(asked, now: start + .seconds(60))
        #expect(question == .request(count: 32) && again == nil)
        let request = try #require(question).bytes
        let answer = try server.respond(to: request, from: asker, book: book, now: start)
        guard case .response(let peers) = answer else {
            Issue.record("no response")
            return
        }
        #expect(peers.count == 32)
        #expect(!peers.contains { $0.contact.id == Fixture.peer(500) }, "private addresses stay inside")
        let second = try server.respond(to: request, from: Fixture.peer(802), book: book, now: start + .seconds(9))
        #expect(second == answer, "one sample for all")
        _ = try server.respond(to: request, from: asker, book: book, now: start)
        #expect(throws: PeerExchange.Refusal.tooMany) {
            try server.respond(to: request, from: asker, book: book, now: start)
        }
        var learner = AddressBook(salt: [2])
        let host = Fixture.host(99, 1, 1, 1)
        let taken = try client.take(
            answer.bytes, from: asked, host: host, owner: asker, book: &learner, now: start)
        #expect(taken >= 30 && learner.addressCount == taken)
        #expect(throws: PeerExchange.Refusal.notAsked) {
            try client.take(answer.bytes, from: asked, host: host, owner: asker, book: &learner, now: start)
        }
    }

    @Test("refuses too many peers and addresses, and random changes are read or refused")
    func limits() throws {
        var writer = ProtobufWriter()
        for number in 0..<33 { writer.message(2) { $0.bytes(1, Fixture.peer(number).bytes) } }
        #expect(throws: FormatError.self) { try PeerExchangeMessage.readResponse(writer.bytes) }
        var crowded = ProtobufWriter()
        crowded.message(2) { inner in
            inner.bytes(1, Fixture.peer(1).bytes)
            for number in 0..<5 { inner.bytes(2, Fixture.ownRange(number).bytes) }
        }
        #expect(throws: FormatError.self) { try PeerExchangeMessage.readResponse(crowded.bytes) }
        #expect(try PeerExchangeMessage.readRequest([0x08, 0xff, 0x7f]) == .request(count: 32))
        let peers = (0..<8).map {
            PeerExchangeMessage.Peer(
                KademliaContact(id: Fixture.peer($0), addresses: [Fixture.ownRange($0)]), signedRecord: [1, 2, 3])
        }
        let bytes = PeerExchangeMessage.response(peers).bytes
        #expect(try PeerExchangeMessage.readResponse(bytes) == .response(peers))
        var random = PeerRandom(seed: 8)
        var refused = 0
        for _ in 0..<5_000 {
            let changed = Fixture.mutated(bytes, random: &random)
            do { _ = try PeerExchangeMessage.readResponse(changed) } catch { refused += 1 }
        }
        #expect(refused > 1_000)
    }
}
