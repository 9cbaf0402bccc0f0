import Ledger
import PeerNetwork
import Primitives

/// A validator's word that a peer speaks for it, for one chain and one pair of peers: the key that signs blocks signs
/// who may bring its messages. The connection proves the peer's own id, so that a copy is of no use to anybody else.
package struct ConsensusHello: Hashable, Sendable, CBORCodable {
    package let key: PublicKey
    package let signature: Signature

    private static let domain = "consensus-hello"
    static let byteLimit = 256

    package init(signedBy key: SecretKey, chain: CID, from speaker: PeerID, to listener: PeerID) {
        self.key = key.publicKey
        signature = key.sign(domain: Self.domain, message: Self.message(chain, speaker, listener))
    }

    /// Whether the validator has signed it for these two.
    func isSigned(chain: CID, from speaker: PeerID, to listener: PeerID) -> Bool {
        key.isValid(signature, domain: Self.domain, message: Self.message(chain, speaker, listener))
    }

    private static func message(_ chain: CID, _ speaker: PeerID, _ listener: PeerID) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: 3)
        encoder.digest(chain.digest)
        encoder.bytes(speaker.bytes)
        encoder.bytes(listener.bytes)
        return encoder.bytes
    }

    package func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(key)
        encoder.value(signature)
    }

    package init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        key = try decoder.value()
        signature = try decoder.value()
    }
}
