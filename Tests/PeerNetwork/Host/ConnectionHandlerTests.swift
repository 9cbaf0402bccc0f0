import NIOCore
import NIOEmbedded
import Primitives
import Testing

@testable import PeerNetwork

/// A connection in virtual time: the channel is embedded, and the other side is a session that the test drives.
@Suite("Connection in virtual time")
struct ConnectionHandlerTests {
    /// A peer that has proven who it is, up to an open session.
    private struct Peer {
        let owner = Owner()
        let channel = EmbeddedChannel()
        var sealer: NoiseSealer
        var opener: NoiseOpener

        init(_ configuration: PeerHostConfiguration) throws {
            let identity = NoiseUpgradeTests.identity()
            try channel.pipeline.syncOperations.addHandler(
                ConnectionHandler(
                    owner: owner, identity: NoiseUpgradeTests.identity(), expected: nil, isInbound: true,
                    remote: Multiaddr(.v4(0x7f00_0001), tcp: 9), configuration: configuration, opened: nil))
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9)).wait()
            var hello = ByteBuffer()
            MultistreamDialer(["/noise"]).start(into: &hello)
            try channel.writeInbound(hello)
            _ = try channel.readOutbound(as: ByteBuffer.self)
            var upgrade = NoiseUpgrade(.initiator, identity: identity)
            var output = ByteBuffer()
            try upgrade.start(into: &output)
            try channel.writeInbound(output)
            output.clear()
            var answer = try #require(try channel.readOutbound(as: ByteBuffer.self))
            guard case .done(let session) = try upgrade.receive(&answer, into: &output) else {
                throw WireError(.malformed, "no session", at: "test")
            }
            sealer = session.sealer
            opener = session.opener
            try channel.writeInbound(output)
        }

        mutating func send(_ frame: ByteBuffer) throws {
            try sealer.append(frame)
            try channel.writeInbound(try sealer.take())
        }

        /// The frames that came since the last call, as bytes.
        mutating func received() throws -> ByteBuffer {
            var plain = ByteBuffer()
            while var bytes = try channel.readOutbound(as: ByteBuffer.self) {
                while var part = try opener.next(&bytes) { plain.writeBuffer(&part) }
            }
            return plain
        }
    }

    @Test("a frame that the protocol forbids ends the connection with a word and a reason")
    func violation() throws {
        var peer = try Peer(PeerHostConfiguration())
        #expect(peer.owner.admitted == 1)
        _ = try peer.received()
        try peer.send(YamuxTests.frame(1, 1, 2, 0))
        #expect(try peer.received() == YamuxTests.frame(3, 0, 0, 1), "GO_AWAY for a protocol error")
        peer.channel.embeddedEventLoop.run()
        #expect(peer.owner.reasons.map(\.code) == [.malformed])
        #expect(!peer.channel.isActive)
    }

    @Test("silence is answered by a ping, and more silence by the end")
    func keepAlive() throws {
        var peer = try Peer(PeerHostConfiguration())
        #expect(try peer.received() == YamuxTests.frame(2, 1, 0, 1))
        try peer.send(YamuxTests.frame(2, 2, 0, 1))
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(try peer.received().readableBytes == 0)
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(try peer.received() == YamuxTests.frame(2, 1, 0, 2))
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(19))
        #expect(peer.owner.reasons.isEmpty)
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(peer.owner.reasons.map(\.code) == [.timeout])
    }

    @Test("a stream whose protocol is never chosen is broken off in time")
    func negotiation() throws {
        var peer = try Peer(PeerHostConfiguration())
        try peer.send(YamuxTests.frame(0, 1, 1, 1, data: 1))
        try peer.send(YamuxTests.frame(1, 1, 3, 0))
        _ = try peer.received()
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        try peer.send(YamuxTests.frame(2, 2, 0, 1))
        #expect(try peer.received().readableBytes == 0)
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        var frames = try peer.received()
        var resets: Set<UInt32> = []
        while let header = try YamuxHeader(reading: &frames) {
            if header.flags.contains(.rst) { resets.insert(header.stream) }
        }
        #expect(resets == [1, 3])
        #expect(peer.owner.reasons.isEmpty, "the connection goes on")
    }

    @Test("each step of the handshake has its time")
    func handshake() throws {
        let owner = Owner()
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(
            ConnectionHandler(
                owner: owner, identity: NoiseUpgradeTests.identity(), expected: nil, isInbound: true,
                remote: Multiaddr(.v4(1), tcp: 9), configuration: PeerHostConfiguration(), opened: nil))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9)).wait()
        channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        var hello = ByteBuffer()
        MultistreamDialer(["/noise"]).start(into: &hello)
        try channel.writeInbound(hello)
        channel.embeddedEventLoop.advanceTime(by: .seconds(9))
        #expect(owner.reasons.isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(owner.reasons.first?.code == .timeout)
        #expect(owner.reasons.first?.reason.contains("Noise") == true)
    }

    @Test("a session of random frames ends or goes on, and keeps what its limits allow")
    func garbage() throws {
        var configuration = PeerHostConfiguration()
        configuration.streams.inboundStreams = 8
        for seed in 0..<40 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            var peer = try Peer(configuration)
            var sent = 0
            while peer.owner.reasons.isEmpty, sent < 60 {
                sent += 1
                try peer.send(YamuxTests.random(&random))
                let answers = try peer.received().readableBytes
                #expect(answers <= 400, "seed \(seed)")
            }
            peer.channel.embeddedEventLoop.advanceTime(by: .seconds(100))
            #expect(peer.owner.reasons.count == 1, "seed \(seed): silence ends what a violation did not")
        }
    }
}

/// A host that counts. Used on the test's thread, as the embedded channel is.
private final class Owner: ConnectionOwner, @unchecked Sendable {
    func measured(_ roundTrip: Duration, of connection: Connection) {}
    func reserve(_ bytes: Int, for connection: Connection) throws(WireError) -> Bool { false }
    private(set) var admitted = 0
    private(set) var reasons: [WireError] = []
    private let counter = TrafficCounter()

    func admit(_ connection: Connection) throws(WireError) { admitted += 1 }
    func ended(_ connection: Connection?, remote: Multiaddr, isInbound: Bool, reason: WireError) {
        reasons.append(reason)
    }
    func speaks(_ protocolID: String) -> Bool { false }
    func protocolIDs() -> [String] { [] }
    func accept(_ stream: PeerStream) {}
    func traffic(of protocolID: String) -> TrafficCounter { counter }
}
