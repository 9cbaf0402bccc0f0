import PeerNetwork
import Primitives
import Testing

/// Vectors from the tests of go-multiaddr (MIT) and of RFC 5952: texts and their bytes are facts.
@Suite("Multiaddr")
struct MultiaddrTests {
    @Test(
        "reads and writes the published pairs of text and bytes",
        arguments: [
            ("/ip4/1.2.3.4", "0401020304"),
            ("/ip4/0.0.0.0", "0400000000"),
            ("/ip6/::1", "2900000000000000000000000000000001"),
            ("/ip6/2601:9:4f81:9700:803e:ca65:66e8:c21", "29260100094f819700803eca6566e80c21"),
            ("/udp/0", "91020000"),
            ("/tcp/0", "060000"),
            ("/udp/1234", "910204d2"),
            ("/tcp/65535", "06ffff"),
            (
                "/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
                "a503221220d52ebb89d85b02a284948203a62ff28389c57c9f42beec4ec20db76a68911c0b"
            ),
            ("/udp/1234/quic-v1", "910204d2cd03"),
            ("/ip4/127.0.0.1/udp/1234", "047f000001910204d2"),
            ("/ip4/127.0.0.1/tcp/4321", "047f0000010610e1"),
            ("/ip4/127.0.0.1/tcp/4321/ws", "047f0000010610e1dd03"),
            (
                "/ip4/127.0.0.1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC/tcp/1234",
                "047f000001a503221220d52ebb89d85b02a284948203a62ff28389c57c9f42beec4ec20db76a68911c0b0604d2"
            ),
            ("/dnsaddr/sjc-1.bootstrap.libp2p.io", "3819736a632d312e626f6f7473747261702e6c69627032702e696f"),
            ("/p2p-circuit", "a202"),
        ])
    func published(text: String, hex: String) throws {
        let address = try Multiaddr(text: text)
        #expect(Hex.encode(address.bytes) == hex)
        #expect(try Multiaddr(bytes: Hex.decode(hex)) == address)
        #expect(address.description == text)
    }

    @Test(
        "writes addresses of version 6 as RFC 5952 says",
        arguments: [
            ("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:DB8::AAAA", "2001:db8::aaaa"), ("::", "::"),
            ("0:0:0:0:0:ffff:192.0.2.1", "::ffff:192.0.2.1"), ("1::", "1::"), ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
        ])
    func canonical(text: String, expected: String) throws {
        let address = try IPAddress(text: text)
        #expect(address.description == expected)
        #expect(try IPAddress(text: expected) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(
        "refuses malformed texts, and says why",
        arguments: [
            ("ip4/1.2.3.4", FormatError.Code.wrongPrefix), ("/", .unsupported), ("/ip4", .truncated),
            ("/ip4/1.2.3", .invalidCharacter), ("/ip4/1.2.3.256", .invalidCharacter),
            ("/ip4/1.2.3.04", .invalidCharacter), ("/ip6/1::2::3", .invalidCharacter),
            ("/ip6/fe80::1%eth0", .invalidCharacter), ("/ip6/1:2:3:4:5:6:7", .invalidCharacter),
            ("/ip6/1:2:3:4:5:6:7:8:9", .invalidCharacter), ("/ip6/:::1", .invalidCharacter),
            ("/ip6/+1::", .invalidCharacter), ("/tcp/65536", .outOfRange), ("/tcp/+1", .outOfRange),
            ("/tcp", .truncated), ("/dns/", .truncated), ("/p2p/Qm", .wrongLength), ("/onion3/x", .unsupported),
            ("/ip4/1.2.3.4//tcp/1", .unsupported), (String(repeating: "/ws", count: 17), .tooLong),
            (String(repeating: "/ws", count: 700), .tooLong),
        ])
    func refusesText(text: String, code: FormatError.Code) {
        let error = #expect(throws: FormatError.self) { try Multiaddr(text: text) }
        #expect(error?.code == code, "\(text): \(String(describing: error))")
    }

    @Test(
        "refuses malformed bytes",
        arguments: [
            ("", FormatError.Code.truncated), ("04010203", .truncated), ("06ff", .truncated), ("35ff7f", .tooLong),
            ("3500", .invalidCharacter), ("350161ff", .truncated), ("3501c3", .invalidCharacter),
            ("d103", .unsupported),
            ("a503021220", .wrongLength), ("ffffffffffffffffff7f", .tooLong),
        ])
    func refusesBytes(hex: String, code: FormatError.Code) throws {
        let bytes = try Hex.decode(hex)
        let error = #expect(throws: FormatError.self) { try Multiaddr(bytes: bytes) }
        #expect(error?.code == code, "\(hex): \(String(describing: error))")
    }

    @Test("names the protocol that it does not know")
    func namesForeign() throws {
        let error = #expect(throws: FormatError.self) { try Multiaddr(bytes: [0xd1, 0x03]) }
        #expect(error?.reason.contains("webtransport") == true)
    }

    @Test("gives the target of a TCP connection, and nothing for other transports")
    func targets() throws {
        let peer = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
        let full = try #require(try Multiaddr(text: "/ip4/192.0.2.7/tcp/4001/p2p/\(peer)").tcpTarget)
        #expect(full.host == .address(.v4(0xc000_0207)))
        #expect(full.port == 4001)
        #expect(full.peer == (try PeerID(text: peer)))
        let named = try Multiaddr(text: "/dns6/a.example/tcp/1").tcpTarget
        #expect(named?.host == .name("a.example", allowsVersion4: false, allowsVersion6: true))
        for text in ["/ip4/1.2.3.4/udp/1/quic-v1", "/ip4/1.2.3.4/tcp/1/ws", "/dnsaddr/a.example", "/tcp/1"] {
            #expect(try Multiaddr(text: text).tcpTarget == nil, "\(text)")
        }
        let address = try Multiaddr(text: "/ip4/1.2.3.4/tcp/1")
        #expect(address.with(try PeerID(text: peer)).description == "/ip4/1.2.3.4/tcp/1/p2p/\(peer)")
        #expect(address.with(try PeerID(text: peer)).withoutPeer == address)
    }
}
