import PeerNetwork
import Primitives
import Testing

/// Vectors made with python-zeroconf, which py-libp2p uses; the compressed name is the example of RFC 1035 section
/// 4.1.4.
@Suite("DNS message")
struct DNSMessageTests {
    static let query = "000000000001000000000000045f703270045f756470056c6f63616c00000c0001"
    static let response =
        "000084000000000100000003045f703270045f756470056c6f63616c00000c000100000078000906616263313233c00c"
        + "c027001080010000007800a952646e73616464723d2f6970342f3139322e302e322e372f7463702f343030312f703270"
        + "2f516d65614e62567179547763757275775070464b4e63664753686d4d5a65657537706a7a6f547251724d6e44664a55"
        + "646e7361646472323d2f6970362f323030313a6462383a3a312f7463702f343030312f7032702f516d65614e62567179"
        + "547763757275775070464b4e63664753686d4d5a65657537706a7a6f547251724d6e44664ac027002180010000007800"
        + "0f000000000fa106616263313233c016c0f700018001000000780004c0000207"

    @Test("reads what zeroconf writes, and writes the same query")
    func vectors() throws {
        let service = try DNSName("_p2p._udp.local")
        let query = DNSMessage(isResponse: false, questions: [.init(service, type: 12)])
        #expect(try DNSMessage(try Hex.decode(Self.query)) == query)
        #expect(query.bytes == (try Hex.decode(Self.query)))
        let response = try DNSMessage(try Hex.decode(Self.response))
        let instance = try service.child("abc123")
        #expect(response.isResponse)
        #expect(response.answers == [.init(service, .pointer(instance), seconds: 120)])
        #expect(response.additional.map(\.type) == [16, 33, 1])
        #expect(response.additional.map(\.flushesCache) == [true, true, true])
        #expect(
            response.additional[1].content
                == .service(priority: 0, weight: 0, port: 4001, host: try DNSName("abc123.local")))
        #expect(response.additional[2].content == .address([192, 0, 2, 7]))
        #expect(try DNSMessage(response.bytes) == response)
    }

    @Test("names are compared without case, and are bounded")
    func names() throws {
        #expect(try DNSName("_P2P._udp.LOCAL") == DNSName("_p2p._udp.local"))
        #expect(throws: FormatError.self) { try DNSName(String(repeating: "a", count: 64)) }
        #expect(throws: FormatError.self) { try DNSName(Array(repeating: "abcdefg", count: 33).joined(separator: ".")) }
    }

    @Test("follows pointers that lead back, and refuses loops, pointers forward and what ends too soon")
    func pointers() throws {
        let header: [UInt8] = [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
        let first: [UInt8] = [1, 0x66, 3, 0x69, 0x73, 0x69, 4, 0x61, 0x72, 0x70, 0x61, 0, 0, 12, 0, 1]
        let second: [UInt8] = [3, 0x66, 0x6f, 0x6f, 0xc0, 12, 0, 12, 0, 1]
        let message = try DNSMessage(header + first + second)
        #expect(message.questions.map(\.name.description) == ["f.isi.arpa", "foo.f.isi.arpa"])
        let one: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        let bad: [[UInt8]] = [
            one + [0xc0, 12, 0, 12, 0, 1], one + [0xc0, 14, 0xc0, 12, 0, 12, 0, 1],
            one + [1, 0x61, 0xc0, 12, 0, 1, 0, 1],
            one + [0xc0], one + [5, 0x61], one + [0x40, 0, 0, 1, 0, 1], one + [0x80, 0, 0, 1, 0, 1], one, [],
            [0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0], [0, 0, 0x84, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            [0, 0, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0], [UInt8](repeating: 0, count: 9_001),
        ]
        for bytes in bad { #expect(throws: FormatError.self) { try DNSMessage(bytes) } }
    }

    @Test("random changes are read or refused, never more", arguments: 1...4 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = PeerRandom(seed: seed)
        let originals = [try Hex.decode(Self.query), try Hex.decode(Self.response)]
        var discovery = try MulticastDiscovery(
            owner: Fixture.peer(1), addresses: [Fixture.ownRange(1)], random: PeerRandom(seed: seed))
        var (read, refused) = (0, 0)
        for round in 0..<5_000 {
            let bytes = Fixture.mutated(originals[round % 2], random: &random)
            do {
                let message = try DNSMessage(bytes)
                #expect(try DNSMessage(message.bytes) == message, "seed \(seed), round \(round)")
                read += 1
            } catch { refused += 1 }
            _ = discovery.received(bytes, port: 5353, now: .seconds(round))
        }
        #expect(read > 100 && refused > 500, "seed \(seed): \(read) read, \(refused) refused")
        #expect(discovery.knownPeers.count <= 256)
    }
}
