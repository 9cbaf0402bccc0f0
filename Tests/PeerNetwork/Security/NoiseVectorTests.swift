import Primitives
import Testing

@testable import PeerNetwork

/// Vectors of cacophony (public domain), as snow (Apache-2.0 or MIT) carries them in its tests:
/// Noise_XX_25519_ChaChaPoly_SHA256. Keys, payloads and ciphertexts are facts.
@Suite("Noise")
struct NoiseVectorTests {
    static let prologue = "4a6f686e2047616c74"
    static let keys = (
        initiatorStatic: "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
        initiatorEphemeral: "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
        responderStatic: "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
        responderEphemeral: "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
    )
    static let hash = "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e"
    /// Payload and ciphertext: three messages of the handshake, then three of the transport.
    static let messages = [
        (
            "4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573"
        ),
        (
            "4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffce2b65285"
                + "e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db5"
                + "0f8814c7194e83f23dbd8d162c9326ad"
        ),
        (
            "462e20412e20486179656b",
            "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be0865b57f"
                + "58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030"
        ),
        ("4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"),
        ("4a65616e2d426170746973746520536179", "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"),
        (
            "457567656e2042f6686d20766f6e2042617765726b",
            "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"
        ),
    ]

    static func key(_ hex: String) throws -> Curve25519Key { Curve25519Key(SecretBytes(try Hex.decode(hex))) }

    static func sides() throws -> (initiator: NoiseHandshake, responder: NoiseHandshake) {
        let prologue = try Hex.decode(prologue)
        return (
            NoiseHandshake(
                .initiator, staticKey: try key(keys.initiatorStatic), ephemeral: try key(keys.initiatorEphemeral),
                prologue: prologue),
            NoiseHandshake(
                .responder, staticKey: try key(keys.responderStatic), ephemeral: try key(keys.responderEphemeral),
                prologue: prologue)
        )
    }

    @Test("writes and reads the published messages of the handshake and of the transport")
    func published() throws {
        var (initiator, responder) = try NoiseVectorTests.sides()
        for (index, message) in NoiseVectorTests.messages.prefix(3).enumerated() {
            let payload = try Hex.decode(message.0)
            if index == 1 {
                #expect(Hex.encode(try responder.write(payload: payload)) == message.1)
                #expect(try initiator.read(Hex.decode(message.1)) == payload)
            } else {
                #expect(Hex.encode(try initiator.write(payload: payload)) == message.1)
                #expect(try responder.read(Hex.decode(message.1)) == payload)
            }
        }
        #expect(Hex.encode(initiator.hash) == NoiseVectorTests.hash)
        #expect(initiator.hash == responder.hash)
        #expect(initiator.remoteStatic == (try NoiseVectorTests.key(NoiseVectorTests.keys.responderStatic).publicBytes))
        var (toResponder, fromResponder) = try initiator.split()
        var (toInitiator, fromInitiator) = try responder.split()
        for (index, message) in NoiseVectorTests.messages.dropFirst(3).enumerated() {
            let payload = try Hex.decode(message.0)
            let sealed = try Hex.decode(message.1)
            if index % 2 == 0 {
                #expect(try toInitiator.seal(payload, associated: []) == sealed)
                #expect(try fromResponder.open(sealed, associated: []) == payload)
            } else {
                #expect(try toResponder.seal(payload, associated: []) == sealed)
                #expect(try fromInitiator.open(sealed, associated: []) == payload)
            }
        }
    }

    @Test("refuses a changed byte anywhere in a message")
    func refusesChanges() throws {
        let message = try Hex.decode(NoiseVectorTests.messages[1].1)
        let first = try Hex.decode(NoiseVectorTests.messages[0].1)
        for place in stride(from: 0, to: message.count, by: 7) {
            var (initiator, responder) = try NoiseVectorTests.sides()
            _ = try initiator.write(payload: Hex.decode(NoiseVectorTests.messages[0].0))
            _ = try responder.read(first)
            var changed = message
            changed[place] ^= 0x20
            let error = #expect(throws: WireError.self) { try initiator.read(changed) }
            #expect(error?.code == .notAuthentic, "byte \(place)")
        }
    }

    @Test("refuses short messages and calls out of turn")
    func refusesOrder() throws {
        var (initiator, responder) = try NoiseVectorTests.sides()
        #expect(throws: WireError.self) { try responder.write(payload: []) }
        #expect(throws: WireError.self) { try initiator.split() }
        let error = #expect(throws: WireError.self) { try responder.read([UInt8](repeating: 1, count: 31)) }
        #expect(error?.code == .malformed)
        _ = try initiator.write(payload: [])
        #expect(throws: WireError.self) { try initiator.write(payload: []) }
    }

    /// Points of small order from the table of libsodium's tests and of curve25519's specification page.
    @Test(
        "refuses keys of low order, whose secret everybody knows",
        arguments: [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ])
    func lowOrder(hex: String) throws {
        let error = #expect(throws: WireError.self) { try Curve25519Key.generate().agree(with: Hex.decode(hex)) }
        #expect(error?.code == .notAuthentic)
    }

    @Test("ends when a counter is used up, before a nonce comes twice")
    func exhaustion() throws {
        var cipher = NoiseCipher(key: .random(), counter: .max - 1)
        _ = try cipher.seal([1], associated: [])
        let error = #expect(throws: WireError.self) { try cipher.seal([1], associated: []) }
        #expect(error?.code == .nonceExhausted)
    }
}
