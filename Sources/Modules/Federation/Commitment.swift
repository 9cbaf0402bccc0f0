import Primitives

/// The commitment to an update: the salt hides the update until it is revealed, and everything else keeps a
/// commitment from
/// being used by another member, in another round or on another chain.
public enum Commitment {
    /// BLAKE2b-256 of `vinculum/commitment/1`, a zero byte and [chain, job, round, member, salt, update].
    public static func digest(
        chain: CID, job: Digest, round: UInt32, member: AccountID, salt: Digest, update: CID
    ) -> Digest {
        var encoder = CBOREncoder()
        encoder.array(count: 6)
        encoder.link(chain)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.value(member)
        encoder.digest(salt)
        encoder.link(update)
        return .blake2b256(signedBytes(kind: "commitment", body: encoder.finish()))
    }
}

/// What a member signs when it hands its update over; two of them for one round that name different updates prove a
/// fault.
/// Tuple: [chain, job, round, member, update].
public struct UpdateStatement: Hashable, Sendable {
    public let chain: CID
    public let job: Digest
    public let round: UInt32
    public let member: AccountID
    public let update: CID

    public init(chain: CID, job: Digest, round: UInt32, member: AccountID, update: CID) {
        self.chain = chain
        self.job = job
        self.round = round
        self.member = member
        self.update = update
    }

    /// What is signed, under the domain `update`.
    public var message: [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: 5)
        encoder.link(chain)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.value(member)
        encoder.link(update)
        return encoder.finish()
    }

    /// Only accounts of one key can be held to a statement.
    public func isSigned(by signature: Signature) -> Bool {
        member.publicKey?.isValid(signature, for: signedBytes(kind: "update", body: message)) ?? false
    }
}
