import PeerNetwork
import Primitives
import Testing

@Suite("Routing table")
struct RoutingTableTests {
    /// Peers whose keys share no prefix with the owner's, so that all are in one bucket.
    private let owner = Fixture.peer(0)
    private var farPeers: [PeerID] {
        (1...200).map(Fixture.peer).filter { KademliaKey($0).commonPrefixLength(with: KademliaKey(owner)) == 0 }
    }

    @Test(
        "a full bucket keeps members that answer, and gives the place of one that does not to the quickest that waits")
    func eviction() {
        var table = RoutingTable(owner: owner)
        let peers = farPeers
        for (index, peer) in peers.prefix(20).enumerated() {
            let insertion = table.observe(KademliaContact(id: peer), host: nil, now: .seconds(index))
            #expect(insertion == .added)
        }
        let slow = table.observe(
            KademliaContact(id: peers[20]), host: nil, roundTrip: .milliseconds(90), now: .seconds(100))
        #expect(slow == .waits(check: nil), "all members were heard from lately")
        let quick = table.observe(
            KademliaContact(id: peers[21]), host: nil, roundTrip: .milliseconds(9), now: .seconds(1_000))
        #expect(quick == .waits(check: KademliaContact(id: peers[0])), "the one that was silent longest is to be asked")
        table.succeeded(peers[0], now: .seconds(1_001))
        #expect(table.contains(peers[0]) && !table.contains(peers[21]))
        let first = table.failed(peers[1])
        let second = table.failed(peers[1])
        #expect(!first && second, "two failures in a row")
        #expect(!table.contains(peers[1]) && table.contains(peers[21]) && !table.contains(peers[20]))
        #expect(table.memberCount(ofBucket: 0) == 20)
        let ourselves = table.observe(KademliaContact(id: owner), host: nil, now: .zero)
        #expect(ourselves == .refused(.isOurselves))
    }

    @Test("loopback and private hosts are exempt from the limits of ranges where the rules say so")
    func exemption() {
        for exempts in [true, false] {
            var configuration = RoutingTable.Configuration()
            (configuration.ranges.exemptsLoopback, configuration.ranges.exemptsPrivate) = (exempts, exempts)
            var table = RoutingTable(owner: owner, configuration: configuration)
            let peers = farPeers
            for index in 0..<10 {
                let host = index < 5 ? Fixture.host(127, 0, 0, 1) : Fixture.host(192, 168, 0, index)
                _ = table.observe(KademliaContact(id: peers[index]), host: host, now: .zero)
            }
            #expect(table.count == (exempts ? 10 : 4))
        }
    }
}

@Suite("Host address")
struct HostAddressTests {
    @Test("is the same however an IPv4 address is written, and lies in its range")
    func ranges() throws {
        let texts = [
            "/ip4/192.0.2.1/tcp/1", "/ip6/::ffff:192.0.2.1/tcp/1", "/ip6/64:ff9b::192.0.2.1/tcp/1",
            "/ip6/2002:c000:201::9/tcp/1",
        ]
        let expected = Fixture.host(192, 0, 2, 1)
        for text in texts {
            let address = try Multiaddr(text: text)
            #expect(HostAddress(address) == expected, "\(text)")
            #expect(HostAddress(multiaddr: address.bytes) == expected, "\(text)")
        }
        #expect(expected.range(ip4Bits: 16, ip6Bits: 32).description == "192.0.0.0/16")
        #expect(expected.range(ip4Bits: 0, ip6Bits: 0).description == "0.0.0.0/0")
        let six = try #require(HostAddress(try Multiaddr(text: "/ip6/2001:db8:7:8::1/tcp/1")))
        #expect(six.range(ip4Bits: 16, ip6Bits: 32).description == "2001:db8:0:0:0:0:0:0/32")
        #expect(six.range(ip4Bits: 16, ip6Bits: 48) != six.range(ip4Bits: 16, ip6Bits: 64))
        let name = try #require(HostAddress(try Multiaddr(text: "/dns4/A.b.example.org/tcp/1")))
        #expect(name.range(ip4Bits: 16, ip6Bits: 32) == .zone("example.org"))
    }

    @Test("tells private and loopback networks from public ones")
    func kinds() {
        let cases: [((Int, Int, Int, Int), Bool)] = [
            ((10, 0, 0, 1), true), ((172, 16, 0, 1), true), ((172, 32, 0, 1), false), ((192, 168, 3, 4), true),
            ((169, 254, 0, 1), true), ((100, 64, 0, 1), true), ((100, 128, 0, 1), false), ((8, 8, 8, 8), false),
        ]
        for ((a, b, c, d), isPrivate) in cases {
            #expect(Fixture.host(a, b, c, d).isPrivate == isPrivate, "\(a).\(b).\(c).\(d)")
        }
        #expect(HostAddress.ip6(0xfd00 << 48, 1).isPrivate && HostAddress.ip6(0xfe80 << 48, 1).isPrivate)
        #expect(!HostAddress.ip6(0x2001 << 48, 1).isPrivate)
        #expect(Fixture.host(127, 3, 2, 1).isLoopback && HostAddress.ip6(0, 1).isLoopback)
    }
}
