import PeerNetwork
import Primitives
import Testing

/// Vectors made with the protobuf classes of py-libp2p 0.8.1 (MIT or Apache 2.0), from the peers of `Fixture`.
@Suite("Kademlia message")
struct KademliaMessageTests {
    private static let findNode =
        "0804122212207c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b842460a221220d8"
        + "6e8112f3c4c4442126f8e9f44f16867da487f29052bf91b810457db34209a4120804c0000207060fa112142920"
        + "010db8000000000000000000000001060fa1180142240a22122035be322d094f9d154a8aba4733b8497f180353"
        + "bd7ae7b0a15f90b586b549f28b"
    private static let addProvider =
        "080212221220000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f4a390a221220f0"
        + "a0278e4372459cca6159cd5e71cfee638302a7b9ca9b05c34181ac0a65ac5d1211360c6e6f64652e6578616d70"
        + "6c65060fa11802500a"

    private func contact(_ number: Int, _ addresses: String...) throws -> KademliaContact {
        KademliaContact(id: Fixture.peer(number), addresses: try addresses.map { try Multiaddr(text: $0) })
    }

    @Test("reads and writes what another implementation writes")
    func vectors() throws {
        let found = try KademliaMessage(try Hex.decode(Self.findNode))
        let near = try contact(2, "/ip4/192.0.2.7/tcp/4001", "/ip6/2001:db8::1/tcp/4001")
        let expected = KademliaMessage(
            .findNode, key: Fixture.peer(1).bytes,
            closer: [.init(near, connection: .connected), .init(try contact(3))])
        #expect(found == expected)
        #expect(try KademliaMessage(expected.bytes) == expected)
        let added = try KademliaMessage(try Hex.decode(Self.addProvider))
        #expect(added.kind == .addProvider)
        #expect(added.key == [0x12, 0x20] + (0..<32).map { UInt8($0) })
        #expect(added.providers == [.init(try contact(4, "/dns4/node.example/tcp/4001"), connection: .canConnect)])
    }

    @Test("refuses what is too much, and says why")
    func refuses() throws {
        let tooMany = (0..<65).reduce(into: ProtobufWriter()) { writer, number in
            writer.message(8) { $0.bytes(1, Fixture.peer(number).bytes) }
        }
        var crowded = ProtobufWriter()
        crowded.message(8) { inner in
            inner.bytes(1, Fixture.peer(1).bytes)
            for number in 0..<33 { inner.bytes(2, Fixture.ownRange(number).bytes) }
        }
        var longKey = ProtobufWriter()
        longKey.bytes(2, [UInt8](repeating: 0, count: 129))
        let cases: [([UInt8], FormatError.Code)] = [
            (tooMany.bytes, .tooLong), (crowded.bytes, .tooLong), (longKey.bytes, .tooLong),
            ([UInt8](repeating: 0, count: KademliaMessage.Limits.bytes + 1), .tooLong), ([0x08, 0x09], .unsupported),
            ([0x08], .truncated),
        ]
        for (bytes, code) in cases {
            let error = #expect(throws: FormatError.self) { try KademliaMessage(bytes) }
            #expect(error?.code == code, "\(bytes.count) bytes")
        }
        var foreign = ProtobufWriter()
        foreign.message(8) { $0.bytes(1, [1, 2, 3]) }
        #expect(try KademliaMessage(foreign.bytes).closer.isEmpty, "an id of no known kind is left out")
    }

    @Test("a node refuses value records by name, announcements for others, empty keys, garbage and floods")
    func node() throws {
        var node = KademliaNode(owner: Fixture.peer(0), random: PeerRandom(seed: 1))
        let peer = Fixture.peer(1)
        let put = try Hex.decode("12016b1a060a016b120176")
        #expect(throws: KademliaRefusal.valueRecords) { try node.respond(to: put, from: peer, now: .zero) }
        let get = KademliaMessage(.getValue, key: [1]).bytes
        #expect(throws: KademliaRefusal.valueRecords) { try node.respond(to: get, from: peer, now: .zero) }
        let forOthers = KademliaMessage(
            .addProvider, key: [1], providers: [.init(KademliaContact(id: Fixture.peer(2)))])
        #expect(throws: KademliaRefusal.providesForOthers) {
            try node.respond(to: forOthers.bytes, from: peer, now: .zero)
        }
        let noKey = KademliaMessage(.findNode).bytes
        #expect(throws: KademliaRefusal.emptyKey) { try node.respond(to: noKey, from: peer, now: .zero) }
        #expect(throws: KademliaRefusal.self) { try node.respond(to: [0xff], from: peer, now: .zero) }
        let ping = KademliaMessage(.ping).bytes
        var answered = 0
        for _ in 0..<200 where (try? node.respond(to: ping, from: peer, now: .zero)) != nil { answered += 1 }
        #expect(answered == 59, "a burst of 64, five of which were spent above")
        let other = try node.respond(to: ping, from: Fixture.peer(2), now: .zero)
        #expect(other?.kind == .ping)
    }

    @Test("random changes of messages are read or refused, never more", arguments: 1...4 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = PeerRandom(seed: seed)
        var node = KademliaNode(owner: Fixture.peer(0), random: PeerRandom(seed: seed))
        let originals = [try Hex.decode(Self.findNode), try Hex.decode(Self.addProvider)]
        var (read, refused) = (0, 0)
        for round in 0..<5_000 {
            let bytes = Fixture.mutated(originals[round % 2], random: &random)
            do {
                let message = try KademliaMessage(bytes)
                #expect(try KademliaMessage(message.bytes) == message, "seed \(seed), round \(round)")
                read += 1
            } catch { refused += 1 }
            _ = try? node.respond(to: bytes, from: Fixture.peer(4 + round), now: .seconds(round))
        }
        #expect(read > 200 && refused > 500, "seed \(seed): \(read) read, \(refused) refused")
        #expect(node.providers.keyCount <= 5_000)
    }
}
