import Primitives

/// A peer's own word on where it listens, signed so that anyone may pass it on (libp2p's RFC 0002, signed envelopes,
/// and RFC 0003, peer routing records). A value of this type has been checked: the peer's key signed it.
///
/// Others can hold a record back or pass on an old one, and cannot change it: `sequence` tells newer from older.
public struct SignedPeerRecord: Hashable, Sendable {
    public let peer: PeerID
    /// Grows with every record of a peer; nanoseconds since 1970 here.
    public let sequence: UInt64
    /// Where the peer says it listens; forms that nobody here can use are left out.
    public let addresses: [Multiaddr]
    /// The envelope as it travels.
    public let envelope: [UInt8]

    /// The domain that keeps a signature of a record from being taken for one of something else.
    static let domain = "libp2p-peer-record"
    /// The multicodec `libp2p-peer-record`, in the two bytes that all implementations write.
    static let payloadType: [UInt8] = [0x03, 0x01]
    /// The longest envelope that is read, in bytes.
    public static let byteLimit = 8 * 1024
    static let addressLimit = 64
    private static let keyLimit = 2_048
    private static let signatureLimit = 2_048

    /// Signs a record. About 25 microseconds.
    public init(_ key: SecretKey, sequence: UInt64, addresses: [Multiaddr]) {
        peer = PeerID(key.publicKey)
        self.sequence = sequence
        self.addresses = Array(addresses.prefix(SignedPeerRecord.addressLimit))
        var record = ProtobufWriter()
        record.bytes(1, peer.bytes)
        record.varint(2, sequence)
        for address in self.addresses { record.message(3) { $0.bytes(1, address.bytes) } }
        let signature = key.sign(SignedPeerRecord.signedBytes(record.bytes))
        var writer = ProtobufWriter()
        writer.bytes(1, LibP2PKey(key.publicKey).bytes)
        writer.bytes(2, SignedPeerRecord.payloadType)
        writer.bytes(3, record.bytes)
        writer.bytes(5, signature.bytes)
        envelope = writer.bytes
    }

    /// Reads an envelope and checks its signature, about 50 microseconds. Keys other than Ed25519 are refused: nothing
    /// here verifies them.
    public init(envelope: [UInt8]) throws(WireError) {
        let parts: Envelope
        let record: Record
        let signer: PublicKey?
        do throws(FormatError) {
            parts = try Envelope(envelope)
            record = try Record(parts.payload)
            signer = try LibP2PKey(parts.key).ed25519
        } catch {
            throw WireError(.malformed, error.reason, at: "peer record, \(error.place)")
        }
        guard parts.payloadType == SignedPeerRecord.payloadType else {
            throw WireError(.malformed, "an envelope of something else", at: "peer record")
        }
        guard let signer, let signature = Signature(bytes: parts.signature),
            signer.isValid(signature, for: SignedPeerRecord.signedBytes(parts.payload))
        else { throw WireError(.notAuthentic, "no signature of Ed25519 that holds", at: "peer record") }
        guard record.peer == PeerID(signer) else {
            throw WireError(.notAuthentic, "signed by another peer's key", at: "peer record")
        }
        (peer, sequence, addresses) = (record.peer, record.sequence, record.addresses)
        self.envelope = envelope
    }

    /// What is signed: domain, type and payload, each after its length.
    static func signedBytes(_ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for part in [Array(domain.utf8), payloadType, payload] {
            Varint.append(UInt64(part.count), to: &bytes)
            bytes += part
        }
        return bytes
    }

    private struct Envelope {
        var key: [UInt8] = []
        var payloadType: [UInt8] = []
        var payload: [UInt8] = []
        var signature: [UInt8] = []

        init(_ bytes: [UInt8]) throws(FormatError) {
            guard bytes.count <= byteLimit else {
                throw FormatError(.tooLong, "\(bytes.count) bytes, of \(byteLimit) at most", at: "peer record")
            }
            var reader = ProtobufReader(bytes)
            while let field = try reader.next() {
                switch field.number {
                case 1: key = try field.bytes(atMost: keyLimit)
                case 2: payloadType = try field.bytes(atMost: 16)
                case 3: payload = try field.bytes(atMost: byteLimit)
                case 5: signature = try field.bytes(atMost: signatureLimit)
                default: break
                }
            }
        }
    }

    private struct Record {
        let peer: PeerID
        var sequence: UInt64 = 0
        var addresses: [Multiaddr] = []

        init(_ bytes: [UInt8]) throws(FormatError) {
            var reader = ProtobufReader(bytes)
            var id: [UInt8] = []
            var seen = 0
            while let field = try reader.next() {
                switch field.number {
                case 1: id = try field.bytes(atMost: 128)
                case 2: sequence = try field.varint()
                case 3:
                    seen += 1
                    guard seen <= addressLimit else {
                        throw FormatError(.tooLong, "more than \(addressLimit) addresses", at: "peer record")
                    }
                    if let address = try Self.address(field.bytes()) { addresses.append(address) }
                default: break
                }
            }
            peer = try PeerID(multihash: id)
        }

        private static func address(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> Multiaddr? {
            var reader = ProtobufReader(bytes)
            var address: Multiaddr?
            while let field = try reader.next() {
                if field.number == 1 { address = try? Multiaddr(bytes: try field.bytes()) }
            }
            return address
        }
    }
}
