import Primitives

/// What a node proves in each handshake: a static Noise key, signed once by its identity (noise-libp2p, "Static Key
/// Authentication"). Made at start and kept in memory only. Safe from any thread.
package struct NoiseIdentity: Sendable {
    static let signaturePrefix = Array("noise-libp2p-static-key:".utf8)

    let peer: PeerID
    let staticKey: Curve25519Key
    /// The handshake payload, the same for every connection.
    let payload: [UInt8]

    package init(_ key: SecretKey, muxers: [String]) {
        peer = PeerID(key.publicKey)
        staticKey = .generate()
        let signature = key.sign(NoiseIdentity.signaturePrefix + staticKey.publicBytes)
        payload =
            NoisePayload(
                key: LibP2PKey(key.publicKey).bytes, signature: signature.bytes, muxers: muxers
            ).bytes
    }
}

/// The message `NoiseHandshakePayload`.
struct NoisePayload: Sendable {
    private static let keyLimit = 2048
    private static let signatureLimit = 2048
    private static let muxerLimit = 32
    private static let muxerNameLimit = 140

    var key: [UInt8]
    var signature: [UInt8]
    /// What the extension `stream_muxers` offers; empty without it.
    var muxers: [String]

    init(key: [UInt8], signature: [UInt8], muxers: [String]) {
        self.key = key
        self.signature = signature
        self.muxers = muxers
    }

    init(_ bytes: [UInt8]) throws(FormatError) {
        var reader = ProtobufReader(bytes)
        var key: [UInt8]?
        var signature: [UInt8]?
        muxers = []
        while let field = try reader.next() {
            switch field.number {
            case 1: key = try field.bytes(atMost: NoisePayload.keyLimit)
            case 2: signature = try field.bytes(atMost: NoisePayload.signatureLimit)
            case 4: muxers = try NoisePayload.muxers(in: field.bytes())
            default: break
            }
        }
        guard let key, let signature else {
            throw FormatError(.truncated, "the identity or its signature is missing", at: "noise payload")
        }
        self.key = key
        self.signature = signature
    }

    private static func muxers(in extensions: ArraySlice<UInt8>) throws(FormatError) -> [String] {
        var reader = ProtobufReader(extensions)
        var muxers: [String] = []
        while let field = try reader.next() {
            guard field.number == 2 else { continue }
            guard muxers.count < muxerLimit else {
                throw FormatError(.tooLong, "more than \(muxerLimit) multiplexers", at: "noise payload")
            }
            muxers.append(try field.text(atMost: muxerNameLimit))
        }
        return muxers
    }

    var bytes: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, key)
        writer.bytes(2, signature)
        if !muxers.isEmpty {
            writer.message(4) { extensions in
                for muxer in muxers { extensions.text(2, muxer) }
            }
        }
        return writer.bytes
    }

    /// The peer whose key signed this static key. Keys other than Ed25519 are refused: nothing here verifies them.
    func verifiedPeer(for staticKey: [UInt8]) throws(WireError) -> PeerID {
        let identity: LibP2PKey
        do { identity = try LibP2PKey(key) } catch {
            throw WireError(.malformed, error.reason, at: "noise payload, \(error.place)")
        }
        guard let publicKey = identity.ed25519 else {
            throw WireError(.notAuthentic, "an identity of key type \(identity.type), not Ed25519", at: "noise payload")
        }
        guard let proof = Signature(bytes: signature),
            publicKey.isValid(proof, for: NoiseIdentity.signaturePrefix + staticKey)
        else { throw WireError(.notAuthentic, "the static key is not signed by the identity", at: "noise payload") }
        return PeerID(publicKey)
    }
}
