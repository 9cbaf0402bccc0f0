import CSodium
import Primitives

/// The handshake `Noise_XX_25519_ChaChaPoly_SHA256` (Noise framework, revision 34, sections 5 and 7.5), message by
/// message: `-> e`, `<- e, ee, s, es`, `-> s, se`. Payloads are the caller's. One owner at a time.
package struct NoiseHandshake: Sendable {
    package enum Role: Sendable { case initiator, responder }

    static let protocolName = "Noise_XX_25519_ChaChaPoly_SHA256"
    /// The longest message of Noise, in bytes.
    static let messageLimit = 65_535

    let role: Role
    /// The peer's static key, once its message has come.
    private(set) var remoteStatic: [UInt8]?
    private var remoteEphemeral: [UInt8] = []
    private let staticKey: Curve25519Key
    private let ephemeral: Curve25519Key
    /// Messages that were written or read.
    private var step = 0

    // The symmetric state of section 5.2.
    private var chaining: SecretBytes
    private(set) var hash: [UInt8]
    private var cipher: NoiseCipher?

    init(
        _ role: Role, staticKey: Curve25519Key, ephemeral: Curve25519Key = .generate(), prologue: [UInt8] = []
    ) {
        self.role = role
        self.staticKey = staticKey
        self.ephemeral = ephemeral
        // The name has 32 bytes, so it is its own hash.
        hash = Array(NoiseHandshake.protocolName.utf8)
        chaining = SecretBytes(hash)
        mixHash(prologue)
    }

    var isComplete: Bool { step == 3 }

    /// The next message, which carries the payload.
    mutating func write(payload: [UInt8]) throws(WireError) -> [UInt8] {
        try expectTurn(of: role == .initiator ? [0, 2] : [1])
        defer { step += 1 }
        switch step {
        case 0:
            mixHash(ephemeral.publicBytes)
            return ephemeral.publicBytes + (try encryptAndHash(payload))
        case 1:
            mixHash(ephemeral.publicBytes)
            try mixKey(ephemeral, remoteEphemeral)
            let sealedStatic = try encryptAndHash(staticKey.publicBytes)
            try mixKey(staticKey, remoteEphemeral)
            return ephemeral.publicBytes + sealedStatic + (try encryptAndHash(payload))
        default:
            let sealedStatic = try encryptAndHash(staticKey.publicBytes)
            try mixKey(staticKey, remoteEphemeral)
            return sealedStatic + (try encryptAndHash(payload))
        }
    }

    /// Reads the peer's next message; answers its payload. After an error the handshake is of no further use.
    mutating func read(_ message: some Collection<UInt8>) throws(WireError) -> [UInt8] {
        try expectTurn(of: role == .initiator ? [1] : [0, 2])
        defer { step += 1 }
        var rest = Array(message)[...]
        if step < 2 {
            remoteEphemeral = try NoiseHandshake.take(Curve25519Key.byteCount, from: &rest)
            mixHash(remoteEphemeral)
        }
        if step == 0 { return try decryptAndHash(Array(rest)) }
        if step == 1 { try mixKey(ephemeral, remoteEphemeral) }
        let sealed = try NoiseHandshake.take(Curve25519Key.byteCount + NoiseCipher.tagByteCount, from: &rest)
        let key = try decryptAndHash(sealed)
        remoteStatic = key
        try mixKey(ephemeral, key)
        return try decryptAndHash(Array(rest))
    }

    /// The ciphers of the two directions, when all three messages have passed.
    func split() throws(WireError) -> (send: NoiseCipher, receive: NoiseCipher) {
        guard isComplete else { throw WireError(.misuse, "the handshake is not over", at: "noise") }
        let temporary = chaining.hmac([])
        let first = temporary.hmac(nil, 1)
        let second = temporary.hmac(first, 2)
        return role == .initiator
            ? (NoiseCipher(key: first), NoiseCipher(key: second)) : (NoiseCipher(key: second), NoiseCipher(key: first))
    }

    // MARK: Symmetric state

    private func expectTurn(of steps: Set<Int>) throws(WireError) {
        guard steps.contains(step) else {
            throw WireError(.misuse, "it is the other side's turn", at: "noise handshake")
        }
    }

    private mutating func mixHash(_ data: [UInt8]) { hash = Digest.sha256(hash + data).bytes }

    private mutating func mixKey(_ mine: Curve25519Key, _ theirs: [UInt8]) throws(WireError) {
        var shared = try mine.agree(with: theirs)
        defer { sodium_memzero(&shared, shared.count) }
        let temporary = chaining.hmac(shared)
        chaining = temporary.hmac(nil, 1)
        cipher = NoiseCipher(key: temporary.hmac(chaining, 2))
    }

    private mutating func encryptAndHash(_ message: [UInt8]) throws(WireError) -> [UInt8] {
        let sealed = try cipher?.seal(message, associated: hash) ?? message
        mixHash(sealed)
        return sealed
    }

    private mutating func decryptAndHash(_ message: [UInt8]) throws(WireError) -> [UInt8] {
        let opened = try cipher?.open(message, associated: hash) ?? message
        mixHash(message)
        return opened
    }

    private static func take(_ count: Int, from rest: inout ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
        guard rest.count >= count else {
            throw WireError(.malformed, "a message ends inside a key", at: "noise handshake")
        }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
