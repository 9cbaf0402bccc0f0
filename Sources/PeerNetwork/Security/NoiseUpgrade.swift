import NIOCore
import Primitives

/// Sets a secure channel up, without sockets: frames of the peer in, frames for it out (noise-libp2p). One owner.
package struct NoiseUpgrade: Sendable {
    /// A channel whose two ends have proven who they are.
    package struct Session: Sendable {
        let peer: PeerID
        /// What the peer's extension offered; empty without one.
        let muxers: [String]
        let sealer: NoiseSealer
        let opener: NoiseOpener
    }

    package enum Outcome: Sendable {
        /// More bytes are needed.
        case waiting
        case done(Session)
    }

    private let identity: NoiseIdentity
    private let expected: PeerID?
    private var handshake: NoiseHandshake
    private var remote: (peer: PeerID, muxers: [String])?

    /// `expected`: the peer that was dialled; nil accepts any.
    package init(_ role: NoiseHandshake.Role, identity: NoiseIdentity, expected: PeerID? = nil) {
        self.identity = identity
        self.expected = expected
        handshake = NoiseHandshake(role, staticKey: identity.staticKey)
    }

    /// The initiator's first message; nothing for the responder.
    mutating func start(into output: inout ByteBuffer) throws(WireError) {
        // The first message is in the clear, so it has no payload.
        if handshake.role == .initiator { NoiseUpgrade.frame(try handshake.write(payload: []), into: &output) }
    }

    /// Reads whole frames from the input, and appends answers. What is left in the input belongs to the session.
    package mutating func receive(_ input: inout ByteBuffer, into output: inout ByteBuffer) throws(WireError) -> Outcome
    {
        while let length = input.getInteger(at: input.readerIndex, as: UInt16.self),
            var frame = input.getSlice(at: input.readerIndex + 2, length: Int(length))
        {
            input.moveReaderIndex(forwardBy: 2 + Int(length))
            let payload = try handshake.read(frame.readBytes(length: frame.readableBytes) ?? [])
            if let key = handshake.remoteStatic {
                try verify(payload, key)
            } else if !payload.isEmpty {
                throw WireError(.malformed, "a payload in the clear", at: "noise handshake")
            }
            if !handshake.isComplete {
                NoiseUpgrade.frame(try handshake.write(payload: identity.payload), into: &output)
            }
            if handshake.isComplete, let remote {
                let ciphers = try handshake.split()
                return .done(
                    Session(
                        peer: remote.peer, muxers: remote.muxers, sealer: NoiseSealer(ciphers.send),
                        opener: NoiseOpener(ciphers.receive)))
            }
        }
        return .waiting
    }

    private mutating func verify(_ bytes: [UInt8], _ key: [UInt8]) throws(WireError) {
        let payload: NoisePayload
        do { payload = try NoisePayload(bytes) } catch {
            throw WireError(.malformed, error.reason, at: "noise payload, \(error.place)")
        }
        let peer = try payload.verifiedPeer(for: key)
        if let expected, peer != expected {
            throw WireError(.wrongPeer, "\(peer) answered, not \(expected)", at: "noise handshake")
        }
        remote = (peer, payload.muxers)
    }

    private static func frame(_ message: [UInt8], into output: inout ByteBuffer) {
        // Handshake messages have some hundreds of bytes.
        output.writeInteger(UInt16(truncatingIfNeeded: message.count))
        output.writeBytes(message)
    }
}
