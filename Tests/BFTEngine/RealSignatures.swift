import Simulator
import Ledger
import PluginHost
import Primitives

/// Ed25519 over the bytes that the kernel signs.
enum RealSignatures {
    static func scheme(count: Int, seed: UInt64) -> SignatureScheme {
        var random = SeededRandom(seed: seed)
        var secrets: [SecretKey] = []
        while secrets.count < count {
            if let secret = SecretKey(seed: random.bytes(32)) { secrets.append(secret) }
        }
        secrets.sort { $0.publicKey < $1.publicKey }
        let keys = secrets
        return SignatureScheme(
            keys: keys.map(\.publicKey), sign: { keys[$0].sign(ledgerVote($1).message) },
            isValid: { $0.key.isValid($0.signature, for: ledgerVote($0.vote).message) })
    }

    /// Chains of the simulator have no genesis: any id of 32 bytes stands for one.
    static func ledgerVote(_ vote: ConsensusVote) -> Vote {
        let step: Vote.Step =
            switch vote.step {
            case .propose: .propose
            case .prepare: .prepare
            case .commit: .commit
            }
        return Vote(
            chain: CID.of(dagCBOR: vote.chain.bytes), height: vote.height, round: vote.round, step: step,
            headerID: vote.headerID, proofRound: vote.proofRound)
    }
}
