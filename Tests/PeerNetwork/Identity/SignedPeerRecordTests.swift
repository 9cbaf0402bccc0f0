import Primitives
import Testing

@testable import PeerNetwork

@Suite("Signed peer records")
struct SignedPeerRecordTests {
    private static let addresses = ["/ip4/192.0.2.1/tcp/4001", "/dns4/node.example/tcp/4002"]

    private func record(_ key: SecretKey, _ sequence: UInt64 = 7) throws -> SignedPeerRecord {
        SignedPeerRecord(key, sequence: sequence, addresses: try Self.addresses.map { try Multiaddr(text: $0) })
    }

    @Test("say who, where and how new, and hold for whoever reads them") func roundTrip() throws {
        let key = SecretKey.generate()
        let written = try record(key, .max)
        let read = try SignedPeerRecord(envelope: written.envelope)
        #expect(read == written)
        #expect(read.peer == PeerID(key.publicKey))
        #expect(read.sequence == .max)
        #expect(read.addresses.map(\.description) == Self.addresses)
    }

    @Test("that were changed anywhere are refused") func changed() throws {
        let envelope = try record(.generate()).envelope
        for index in envelope.indices {
            var other = envelope
            other[index] ^= 1
            #expect(throws: WireError.self, "byte \(index)") { try SignedPeerRecord(envelope: other) }
        }
        for count in 0..<envelope.count {
            #expect(throws: WireError.self, "cut at \(count)") {
                try SignedPeerRecord(envelope: Array(envelope.prefix(count)))
            }
        }
        let long = [UInt8](repeating: 0, count: SignedPeerRecord.byteLimit + 1)
        #expect(throws: WireError.self) { try SignedPeerRecord(envelope: long) }
    }

    @Test("about somebody else are refused, though the signature holds") func anothers() throws {
        let (key, victim) = (SecretKey.generate(), PeerID(SecretKey.generate().publicKey))
        var payload = ProtobufWriter()
        payload.bytes(1, victim.bytes)
        payload.varint(2, 1)
        var envelope = ProtobufWriter()
        envelope.bytes(1, LibP2PKey(key.publicKey).bytes)
        envelope.bytes(2, SignedPeerRecord.payloadType)
        envelope.bytes(3, payload.bytes)
        envelope.bytes(5, key.sign(SignedPeerRecord.signedBytes(payload.bytes)).bytes)
        let error = #expect(throws: WireError.self) { try SignedPeerRecord(envelope: envelope.bytes) }
        #expect(error?.code == .notAuthentic)
    }

    @Test("of another implementation (PyPI libp2p 0.8.1) hold") func oracle() throws {
        let record = try SignedPeerRecord(envelope: try Hex.decode(Self.python))
        #expect(record.peer.description == Self.pythonPeer)
        #expect(record.sequence == 42)
        #expect(record.addresses.map(\.description) == Self.addresses)
        // The same key signs the same bytes here.
        let key = try #require(SecretKey(seed: [UInt8](repeating: 7, count: 32)))
        #expect(SignedPeerRecord(key, sequence: 42, addresses: record.addresses).envelope == record.envelope)
    }

    // Made with libp2p.peer.envelope.seal_record for the Ed25519 seed 07…07, sequence 42 and the addresses above.
    private static let pythonPeer = "12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7"
    private static let python =
        "0a2408011220ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c120203011a4b0a260024"
        + "08011220ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c102a1a0a0a0804c000020106"
        + "0fa11a130a11360c6e6f64652e6578616d706c65060fa22a40210eb4501ed0a9740aab186047ebbdc5bcc01ae024181a"
        + "ebdb6836c5e575664194a07ee92ea403709888c341eeb036c9986ba209c7480e6216f443ff6d266408"
}
