import Primitives

/// A vote with the signature of who gave it, as it travels.
public struct CastVote: Hashable, Sendable, CBORCodable {
    public let vote: Vote
    public let by: SignedBy

    /// How many come with one message at most (EVT-4).
    public static let limit = 900

    public init(vote: Vote, by: SignedBy) {
        self.vote = vote
        self.by = by
    }

    /// Whether the signature is the key's over this very vote.
    public var isSigned: Bool { by.key.isValid(by.signature, for: vote.message) }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(vote)
        encoder.value(by)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        vote = try decoder.value()
        by = try decoder.value()
    }
}

/// Two votes of one key at one height that no key gives which keeps the rules: equivocation (EVI-1) or amnesia (EVI-2
/// of `vinculum/draft/consensus-effects.h`). Whoever has the two votes can check them: no engine, no state, no clock.
///
/// Amnesia can be shown because prepare votes name the round of their proof (Buchman et al., "Revisiting Tendermint",
/// 2022): a fork gives evidence against a third of the power.
public struct Evidence: Hashable, Sendable, CBORCodable {
    public enum Offence: String, Hashable, Sendable {
        /// Two votes at one height, round and step.
        case equivocation
        /// A prepare vote for another block than the one the key had committed to, without a proof of a later round.
        case amnesia
    }

    public let offender: PublicKey
    public let first: Vote
    public let second: Vote
    public let firstSignature: Signature
    public let secondSignature: Signature

    public init(
        offender: PublicKey, first: Vote, second: Vote, firstSignature: Signature, secondSignature: Signature
    ) {
        self.offender = offender
        self.first = first
        self.second = second
        self.firstSignature = firstSignature
        self.secondSignature = secondSignature
    }

    /// What the two votes show, whoever signed them; nil if they go together.
    public var offence: Offence? {
        guard first.chain == second.chain, first.height == second.height else { return nil }
        if first.round == second.round, first.step == second.step {
            return first.headerID != second.headerID || first.proofRound != second.proofRound ? .equivocation : nil
        }
        guard first.step == .commit, second.step == .prepare, first.round < second.round,
            first.headerID != .zero, second.headerID != .zero, first.headerID != second.headerID,
            second.proofRound <= first.round
        else { return nil }
        return .amnesia
    }

    /// Whether the votes contradict each other and both signatures are good: checked by the kernel, not believed.
    public var isProven: Bool {
        offence != nil && offender.isValid(firstSignature, for: first.message)
            && offender.isValid(secondSignature, for: second.message)
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.value(offender)
        encoder.value(first)
        encoder.value(second)
        encoder.value(firstSignature)
        encoder.value(secondSignature)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        offender = try decoder.value()
        first = try decoder.value()
        second = try decoder.value()
        firstSignature = try decoder.value()
        secondSignature = try decoder.value()
    }
}
