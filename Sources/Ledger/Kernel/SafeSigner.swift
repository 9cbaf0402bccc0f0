import Primitives

/// The rule that keeps a key from signing two things at one place: a key's votes only go forward in (height, round,
/// step). Pure; the caller syncs `state` to disk before a signature leaves, and keeps it across a change of engine.
public struct SafeSigner: Hashable, Sendable {
    /// The last vote that was granted.
    public private(set) var last: Vote?

    public init(last: Vote? = nil) { self.last = last }

    /// Whether the vote may be signed: it is later than the last one, or the same again.
    public func permits(_ vote: Vote) -> Bool {
        guard let last else { return true }
        if vote == last { return true }
        return (last.height, last.round, last.step) < (vote.height, vote.round, vote.step)
    }

    /// Moves the state on; false, and no change, for a vote that must not be signed.
    public mutating func grant(_ vote: Vote) -> Bool {
        guard permits(vote) else { return false }
        last = vote
        return true
    }
}
