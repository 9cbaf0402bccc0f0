import Primitives

/// This node as one of the validators, or one that may become one.
struct ConsensusParty: Sendable {
    let key: SecretKey
    /// What the kernel's engine sends.
    let outbox: ConsensusOutbox
}
