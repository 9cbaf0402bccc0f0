import Ledger
import Primitives

/// What stake says of everybody's work, out of what its holders say: a pure function in integers.
///
/// The judgement of a subject is the median by stake of all appraisals. Stake that says nothing, and the subject's own,
/// says nought: nobody is lifted unless holders of more than half of all stake say so (the stake-weighted median of
/// Yuma consensus in Bittensor, Steeves et al. 2022, with the absent counted as nought).
///
/// Who appraises earns by insight: by how much nearer its scores are to the new judgement than the judgement before
/// was. Repeating what everybody could read earns nothing; seeing what has changed, before the others have said so,
/// does.
struct Judgement {
    struct Appraiser {
        let account: AccountID
        let tokens: UInt64
        let appraisals: [AccountID: UInt64]
    }

    /// By subject.
    private(set) var scores: [AccountID: UInt64] = [:]
    /// Tokens times insight, in the order of the appraisers.
    private(set) var shares: [UInt128] = []

    /// - Parameters:
    ///   - subjects: whom the judgement is about.
    ///   - last: the judgement before; 0 where there was none.
    ///   - tokens: of all validators, those that say nothing included.
    init(_ appraisers: [Appraiser], subjects: [AccountID], last: [AccountID: UInt64], tokens: UInt64) {
        for subject in subjects {
            let votes = appraisers.filter { $0.account != subject }.map {
                (score: $0.appraisals[subject] ?? 0, $0.tokens)
            }
            scores[subject] = Judgement.median(votes, tokens: tokens)
        }
        shares = appraisers.map { appraiser in
            var insight: UInt64 = 0
            for subject in subjects where subject != appraiser.account {
                let (now, before) = (scores[subject] ?? 0, last[subject] ?? 0)
                let change = Judgement.distance(now, before)
                let error = Judgement.distance(now, appraiser.appraisals[subject] ?? 0)
                if change > error { insight += change - error }
            }
            return UInt128(appraiser.tokens) * UInt128(insight)
        }
    }

    /// The least score that at least half of the tokens do not exceed; what is missing of them counts as nought.
    static func median(_ votes: [(score: UInt64, tokens: UInt64)], tokens: UInt64) -> UInt64 {
        let said = votes.reduce(UInt64(0)) { $0 + $1.tokens }
        var below = tokens > said ? tokens - said : 0
        let half = max(tokens, said)
        if 2 * below >= half { return 0 }
        for vote in votes.sorted(by: { $0.score < $1.score }) {
            below += vote.tokens
            if 2 * below >= half { return vote.score }
        }
        return 0
    }

    private static func distance(_ left: UInt64, _ right: UInt64) -> UInt64 {
        left > right ? left - right : right - left
    }
}
