import Ledger
import Primitives

/// Consensus of one validator: proposes what waits, signs it, decides it.
struct OneValidator: ConsensusEngine {
    let id = "one-validator"
    let chain: CID
    private var height: UInt64 = 0
    private var isBusy = false
    private var key: PublicKey?

    /// Transactions that have to wait before a block is proposed.
    private let batch: UInt64

    init(chain: CID, batch: UInt64 = 1) {
        self.chain = chain
        self.batch = batch
    }

    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect] {
        switch event.kind {
        case .start(let start):
            (height, key) = (start.height, start.ownKey)
            return []
        case .transactions(let count, _): return propose(count, event.timeMilliseconds)
        case .proposalBuilt(let height, let round, let headerID, _):
            guard let headerID else {
                isBusy = false
                return []
            }
            return [
                .persist([1]),
                .signVote(Vote(chain: chain, height: height, round: round, step: .commit, headerID: headerID)),
            ]
        case .voteSigned(let vote, let signature?):
            guard let key else { return [] }
            return [
                .decide(
                    height: vote.height, round: vote.round, headerID: vote.headerID,
                    signatures: [SignedBy(key: key, signature: signature)])
            ]
        case .voteSigned(_, nil), .voteUnavailable:
            isBusy = false
            return []
        case .committed(let height, _, _, _, let waiting, _):
            (self.height, isBusy) = (height, false)
            return propose(waiting, event.timeMilliseconds)
        default: return []
        }
    }

    private mutating func propose(_ waiting: UInt64, _ time: UInt64) -> [ConsensusEffect] {
        guard waiting >= batch, !isBusy else { return [] }
        isBusy = true
        return [.propose(height: height + 1, round: 0, timeMilliseconds: time)]
    }

    func snapshot() -> [UInt8] { [] }
}
