import Primitives

/// Who signs messages (the pubsub specification, "Signature Policy Options"). Only the two policies that decide every
/// message in one way are offered.
public enum GossipSigning: Sendable {
    /// Messages carry no author, sequence, key or signature, and one that does is refused. Who said what stands in
    /// the data.
    case strictNoSign
    /// Messages carry all of them, and the signature holds. Own messages are numbered from `firstSequence`, which must
    /// be above every number that the key has used: nanoseconds since 1970 serve.
    case strictSign(key: SecretKey, firstSequence: UInt64)

    /// What stands before the message in what is signed.
    static let prefix = Array("libp2p-pubsub:".utf8)
    static let sequenceByteCount = 8

    /// Whether the message has the fields that the policy asks for, and no others.
    func hasRightFields(_ message: GossipMessage) -> Bool {
        switch self {
        case .strictNoSign:
            message.author == nil && message.sequence == nil && message.signature == nil && message.key == nil
        case .strictSign:
            message.author != nil && message.sequence?.count == GossipSigning.sequenceByteCount
                && message.signature != nil
        }
    }
}

extension GossipMessage {
    /// What an author signs: the message without the signature and the key.
    var signedBytes: [UInt8] {
        var writer = ProtobufWriter()
        encode(to: &writer, signed: false)
        return GossipSigning.prefix + writer.bytes
    }

    /// Makes the key's owner the author of the message, and signs it.
    mutating func sign(_ key: SecretKey, sequence: UInt64) {
        author = PeerID(key.publicKey).bytes
        self.sequence = (0..<8).map { UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * $0)) }
        signature = key.sign(signedBytes).bytes
    }

    enum SignatureCheck { case valid, invalid, unknownKind }

    /// Whether the author signed the message. Only Ed25519 is known; other kinds of key are no fault of whoever passed
    /// the message on. About 50 us.
    func checkSignature() -> SignatureCheck {
        guard let author, let signature, let peer = try? PeerID(multihash: author) else { return .invalid }
        guard let inline = peer.publicKey else {
            guard let key, let decoded = try? LibP2PKey(key) else { return .invalid }
            return decoded.ed25519 == nil ? .unknownKind : .invalid
        }
        // An Ed25519 key always stands in the id; one beside it must be the same.
        if let key, (try? LibP2PKey(key))?.ed25519 != inline { return .invalid }
        guard let signature = Signature(bytes: signature) else { return .invalid }
        return inline.isValid(signature, for: signedBytes) ? .valid : .invalid
    }
}
