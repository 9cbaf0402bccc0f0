import NIOCore
import Primitives
import Testing

@testable import PeerNetwork

/// Numbers that a seed determines (SplitMix64).
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

@Suite("Noise for libp2p")
struct NoiseUpgradeTests {
    static func identity(muxers: [String] = ["/yamux/1.0.0"]) -> NoiseIdentity {
        NoiseIdentity(.generate(), muxers: muxers)
    }

    /// Runs both sides to the end.
    static func sessions(
        _ first: NoiseIdentity = identity(), _ second: NoiseIdentity = identity(), expected: PeerID? = nil
    ) throws -> (NoiseUpgrade.Session, NoiseUpgrade.Session) {
        var initiator = NoiseUpgrade(.initiator, identity: first, expected: expected)
        var responder = NoiseUpgrade(.responder, identity: second)
        var (toResponder, toInitiator) = (ByteBuffer(), ByteBuffer())
        try initiator.start(into: &toResponder)
        var done: (NoiseUpgrade.Session?, NoiseUpgrade.Session?)
        for _ in 0..<3 {
            if case .done(let session) = try responder.receive(&toResponder, into: &toInitiator) { done.1 = session }
            if case .done(let session) = try initiator.receive(&toInitiator, into: &toResponder) { done.0 = session }
        }
        return (try #require(done.0), try #require(done.1))
    }

    @Test("tells both sides who the other is and which multiplexers it offers")
    func identities() throws {
        let (first, second) = (NoiseUpgradeTests.identity(), NoiseUpgradeTests.identity(muxers: []))
        let (seenByFirst, seenBySecond) = try NoiseUpgradeTests.sessions(first, second, expected: second.peer)
        #expect(seenByFirst.peer == second.peer)
        #expect(seenBySecond.peer == first.peer)
        #expect(seenByFirst.muxers == [])
        #expect(seenBySecond.muxers == ["/yamux/1.0.0"])
    }

    @Test("refuses another peer than the one that was dialled")
    func wrongPeer() {
        let error = #expect(throws: WireError.self) {
            try NoiseUpgradeTests.sessions(expected: NoiseUpgradeTests.identity().peer)
        }
        #expect(error?.code == .wrongPeer)
    }

    @Test("refuses a payload whose signature is of another static key, or whose key is no Ed25519 key")
    func signatures() throws {
        let key = SecretKey.generate()
        let mine = Curve25519Key.generate().publicBytes
        let signature = key.sign(NoiseIdentity.signaturePrefix + mine).bytes
        let encoded = LibP2PKey(key.publicKey).bytes
        let good = try NoisePayload(NoisePayload(key: encoded, signature: signature, muxers: []).bytes)
        #expect(try good.verifiedPeer(for: mine) == PeerID(key.publicKey))
        func code(_ payload: NoisePayload, _ staticKey: [UInt8]) -> WireError.Code? {
            #expect(throws: WireError.self) { try payload.verifiedPeer(for: staticKey) }?.code
        }
        #expect(code(good, Curve25519Key.generate().publicBytes) == .notAuthentic)
        #expect(code(NoisePayload(key: encoded, signature: [1], muxers: []), mine) == .notAuthentic)
        let bare = NoisePayload(key: encoded, signature: key.sign(mine).bytes, muxers: [])
        #expect(code(bare, mine) == .notAuthentic)
        var writer = ProtobufWriter()
        writer.varint(1, 2)
        writer.bytes(2, [1, 2, 3])
        #expect(code(NoisePayload(key: writer.bytes, signature: signature, muxers: []), mine) == .notAuthentic)
        #expect(code(NoisePayload(key: [8], signature: signature, muxers: []), mine) == .malformed)
    }

    @Test("reads no payload without identity, and no endless list of multiplexers")
    func payloads() {
        #expect(throws: FormatError.self) { try NoisePayload([]) }
        let many = NoisePayload(key: [1], signature: [1], muxers: [String](repeating: "/m", count: 33)).bytes
        #expect(throws: FormatError.self) { try NoisePayload(many) }
    }

    @Test("carries any bytes in any pieces", arguments: [1, 2, 3] as [UInt64])
    func framing(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let (first, second) = try NoiseUpgradeTests.sessions()
        var (sealer, opener) = (first.sealer, second.opener)
        var wire = ByteBuffer()
        var sent: [UInt8] = []
        for _ in 0..<12 {
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let part = random.bytes(Int.random(in: 0...90_000, using: &random))
                sent += part
                try sealer.append(ByteBuffer(bytes: part))
            }
            var sealed = try sealer.take()
            wire.writeBuffer(&sealed)
        }
        var received: [UInt8] = []
        while wire.readableBytes > 0 {
            let count = min(wire.readableBytes, Int.random(in: 1...70_000, using: &random))
            guard var piece = wire.readSlice(length: count) else { break }
            while let plain = try opener.next(&piece) {
                #expect(plain.readableBytes <= NoiseSealer.frameCapacity)
                received.append(contentsOf: plain.readableBytesView)
            }
        }
        #expect(received == sent, "seed \(seed)")
    }

    @Test("refuses a frame that was changed, repeated, or is shorter than its tag")
    func refusesFrames() throws {
        let (first, second) = try NoiseUpgradeTests.sessions()
        var sealer = first.sealer
        try sealer.append(ByteBuffer(string: "one"))
        let frame = try sealer.take()
        var changed = frame
        changed.setInteger(UInt8(0), at: 4)
        for bad in [
            changed, ByteBuffer(bytes: [0, 15] + [UInt8](repeating: 0, count: 15)), ByteBuffer(bytes: [0, 0]),
        ] {
            var opener = second.opener
            var input = bad
            #expect(throws: WireError.self) { try opener.next(&input) }
        }
        var opener = second.opener
        var (once, again) = (frame, frame)
        #expect(try opener.next(&once) == ByteBuffer(string: "one"))
        #expect(throws: WireError.self) { try opener.next(&again) }
    }

    @Test("ends with an error, and keeps little, whatever bytes come instead of a handshake")
    func garbage() {
        let identity = NoiseUpgradeTests.identity()
        for seed in 0..<300 as Range<UInt64> {
            var random = TestRandom(seed: seed)
            var upgrade = NoiseUpgrade(
                seed % 2 == 0 ? .initiator : .responder, identity: identity)
            var (input, output) = (ByteBuffer(bytes: random.bytes(400)), ByteBuffer())
            input.setInteger(UInt16.random(in: 0...300, using: &random), at: 0)
            do throws(WireError) {
                try upgrade.start(into: &output)
                if case .done = try upgrade.receive(&input, into: &output) {
                    Issue.record("seed \(seed) proved an identity")
                }
            } catch {
                #expect([.malformed, .notAuthentic].contains(error.code), "seed \(seed): \(error)")
            }
            #expect(output.readableBytes < 1000, "seed \(seed)")
        }
    }
}
