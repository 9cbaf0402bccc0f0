import NIOCore
import Primitives
import Testing

@testable import PeerNetwork

@Suite("Identify")
struct IdentifyTests {
    @Test("reads what it writes")
    func roundTrip() throws {
        var fields = IdentifyMessage.Fields()
        fields.publicKey = LibP2PKey(SecretKey.generate().publicKey).bytes
        fields.agentVersion = "a/1"
        fields.protocolVersion = "p/1"
        fields.addresses = [try Multiaddr(text: "/ip4/192.0.2.1/tcp/4001")]
        fields.protocols = ["/x/1", "/y/1"]
        fields.observed = try Multiaddr(text: "/ip6/2001:db8::1/tcp/1")
        let read = try IdentifyMessage.decode(IdentifyMessage.encode(fields))
        #expect(read.publicKey == fields.publicKey)
        #expect(read.agentVersion == "a/1")
        #expect(read.protocolVersion == "p/1")
        #expect(read.addresses == fields.addresses)
        #expect(read.protocols == fields.protocols)
        #expect(read.observed == fields.observed)
        #expect(read.signedRecord == nil)
    }

    @Test("leaves out addresses that it cannot read, and refuses more than the limits")
    func limits() throws {
        var writer = ProtobufWriter()
        writer.bytes(2, [0xd1, 0x03])
        writer.bytes(2, [0x06, 0x00, 0x01])
        #expect(try IdentifyMessage.decode(writer.bytes).addresses == [Multiaddr([.tcp(1)])])
        var addresses = ProtobufWriter()
        for _ in 0...IdentifyMessage.addressLimit { addresses.bytes(2, [0x06, 0x00, 0x01]) }
        #expect(throws: FormatError.self) { try IdentifyMessage.decode(addresses.bytes) }
        var protocols = ProtobufWriter()
        for _ in 0...IdentifyMessage.protocolLimit { protocols.text(3, "/x") }
        #expect(throws: FormatError.self) { try IdentifyMessage.decode(protocols.bytes) }
        var text = ProtobufWriter()
        text.text(6, String(repeating: "a", count: IdentifyMessage.textLimit + 1))
        #expect(throws: FormatError.self) { try IdentifyMessage.decode(text.bytes) }
    }

    @Test("random bytes are read or refused, with as many entries as the limits allow")
    func garbage() {
        for seed in 0..<1000 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            let bytes = random.bytes(Int.random(in: 0...200, using: &random))
            guard let fields = try? IdentifyMessage.decode(bytes) else { continue }
            #expect(fields.addresses.count <= IdentifyMessage.addressLimit, "seed \(seed)")
            #expect(fields.protocols.count <= IdentifyMessage.protocolLimit, "seed \(seed)")
        }
    }

    @Test("a push changes what it names, and nothing else")
    func push() async throws {
        try await HostPair.connected { pair in
            let events = pair.listener.events()
            let known = try await waitForIdentity(of: pair.dialer.peer, at: pair.listener)
            let public1 = try Multiaddr(text: "/ip4/192.0.2.9/tcp/7")
            pair.dialer.advertise([public1])
            let changed = await first(events) { event -> PeerIdentity? in
                if case .identified(_, let identity) = event, identity.addresses.contains(public1) { return identity }
                return nil
            }
            #expect(changed?.addresses == [public1])
            #expect(changed?.protocols == known.protocols)
        }
    }

    @Test("a push with another peer's key is refused")
    func foreignKey() async throws {
        try await HostPair.connected { pair in
            _ = try await waitForIdentity(of: pair.dialer.peer, at: pair.listener)
            let before = pair.listener.identity(of: pair.dialer.peer)
            var fields = IdentifyMessage.Fields()
            fields.publicKey = LibP2PKey(SecretKey.generate().publicKey).bytes
            fields.agentVersion = "liar"
            let stream = try await pair.stream(IdentifyMessage.pushProtocolID)
            try await stream.writeMessage(IdentifyMessage.encode(fields))
            stream.closeWrite()
            let error = await #expect(throws: WireError.self) { try await stream.read() }
            #expect(error?.code == .reset)
            #expect(pair.listener.identity(of: pair.dialer.peer) == before)
        }
    }

    @Test("answers pings of 32 bytes, and refuses one stream more than a peer may have, at once")
    func pings() async throws {
        try await HostPair.connected { pair in
            var streams: [PeerStream] = []
            for _ in 0..<PeerHost.pingStreamsPerPeer {
                let stream = try await pair.stream(PeerHost.pingProtocolID)
                let bytes = SecureRandom.bytes(count: 32)
                try await stream.write(bytes)
                #expect(try await stream.read(exactly: 32) == bytes)
                streams.append(stream)
            }
            let oneMore = try await pair.stream(PeerHost.pingProtocolID)
            let start = ContinuousClock.now
            let error = await #expect(throws: WireError.self) { try await oneMore.read() }
            #expect(error?.code == .reset)
            // Not by the end of its idle time, after a minute.
            #expect(ContinuousClock.now - start < .seconds(30))
            for stream in streams { stream.close() }
        }
    }

    /// The identity that was, or is about to be, learned.
    private func waitForIdentity(of peer: PeerID, at host: PeerHost) async throws -> PeerIdentity {
        let events = host.events()
        if let known = host.identity(of: peer) { return known }
        let found = await first(events) { event -> PeerIdentity? in
            if case .identified(peer, let identity) = event { return identity }
            return nil
        }
        return try #require(found)
    }
}
