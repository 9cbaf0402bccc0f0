import Federation
import Primitives

/// What has happened in the job so far, from its events: for the bar of a round, and for what was refused.
struct DemoProgress: Sendable {
    struct Refusal: Hashable, Sendable {
        var account: AccountID
        /// 0 before the job.
        var round: Int
        var reason: UInt32
    }

    let rounds: Int
    private(set) var round = 0
    private(set) var participants = 0
    private(set) var answered = 0
    private(set) var revealed = 0
    private(set) var accepted = 0
    private(set) var rejected = 0
    private(set) var auditorVerdicts = 0
    private(set) var isProposed = false
    private(set) var settled = 0
    /// The model after each round; a round that published none keeps the one before.
    private(set) var models: [CID] = []
    private(set) var current: CID
    private(set) var refusals: [Refusal] = []
    private(set) var slashed: [(account: AccountID, round: Int)] = []
    private(set) var hasEnded = false

    init(rounds: Int, model: CID) {
        self.rounds = rounds
        current = model
    }

    /// A line that is worth saying, for some events.
    enum Notice: Sendable {
        case refused(Refusal)
        case slashed(AccountID, round: Int)
        case settled(round: Int, model: CID)
        case ended(JobEnd)
    }

    mutating func take(_ news: FederationNews) -> Notice? {
        let number = Int(clamping: news.number(0) ?? 0)
        switch news.kind {
        case .roundOpened:
            round = number
            // The aggregator is named beside the participants.
            participants = max(1, news.accounts.count - 1)
            (answered, revealed, accepted, rejected, auditorVerdicts, isProposed) = (0, 0, 0, 0, 0, false)
        case .memberCommitted: answered += 1
        case .memberRefused: return takeRefusal(news)
        case .memberRevealed: revealed += 1
        case .verdictGiven: auditorVerdicts += 1
        case .verdictsDecided:
            for case .array(let outcome) in news.list(1) where outcome.count > 1 {
                if outcome[1].unsigned == UInt64(Outcome.accepted.rawValue) { accepted += 1 } else { rejected += 1 }
            }
        case .modelProposed: isProposed = true
        case .modelPublished: current = news.link(1) ?? current
        case .memberSlashed:
            let account = news.accounts.last ?? news.accounts[0]
            slashed.append((account, number))
            return .slashed(account, round: number)
        case .roundSettled:
            settled = number
            models.append(current)
            return .settled(round: number, model: current)
        case .jobEnded:
            hasEnded = true
            return .ended(JobEnd(rawValue: UInt8(clamping: news.number(0) ?? 0)) ?? .none)
        default: break
        }
        return nil
    }

    private mutating func takeRefusal(_ news: FederationNews) -> Notice? {
        // [member, round, reason]; the member is the last account unless it is the requester too.
        let refusal = Refusal(
            account: news.accounts.last ?? news.accounts[0], round: Int(clamping: news.number(1) ?? 0),
            reason: UInt32(clamping: news.number(2) ?? 0))
        if refusal.round > 0 { answered += 1 }
        refusals.append(refusal)
        return .refused(refusal)
    }

    /// How far the open round is: training and sending are most of it, judging and agreeing the rest.
    var fraction: Double {
        guard round > settled else { return round == 0 ? 0 : 1 }
        let work = Double(answered + revealed) / Double(2 * participants)
        let judged = accepted + rejected > 0 ? 1 : min(1, Double(auditorVerdicts) / 3)
        return min(1, 0.7 * min(1, work) + 0.15 * judged + (isProposed ? 0.15 : 0))
    }

    /// `round 12/30 [########------]  9 of 10 updates in`, for a terminal.
    func bar(width: Int = 30) -> String {
        guard round > 0 else { return "waiting for the sites' answers" }
        let filled = Int((fraction * Double(width)).rounded())
        let cells = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        let stage =
            isProposed
            ? "agreeing on the model"
            : revealed > 0 ? "\(revealed) of \(participants) updates in" : "\(answered) of \(participants) committed"
        return "round \(round)/\(rounds) [\(cells)] \(stage)"
    }
}
