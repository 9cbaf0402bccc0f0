import Ledger
import Primitives

/// Consensus of one validator, in the least that it takes: what is measured is the ledger, not the engine.
struct SoloFixture: ConsensusEngine {
    let id = "solo-fixture"
    private var height: UInt64 = 0
    private var isBusy = false
    private var key: PublicKey?

    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect] {
        switch event.kind {
        case .start(let start):
            height = start.height
            key = start.ownKey
            return []
        case .transactions(let count, _): return propose(count, event.timeMilliseconds)
        case .proposalBuilt(let height, let round, let headerID, _):
            guard let headerID, let chain else {
                isBusy = false
                return []
            }
            return [.signVote(Vote(chain: chain, height: height, round: round, step: .commit, headerID: headerID))]
        case .voteSigned(let vote, let signature?):
            guard let key else { return [] }
            let signed = SignedBy(key: key, signature: signature)
            return [.decide(height: vote.height, round: vote.round, headerID: vote.headerID, signatures: [signed])]
        case .committed(let height, _, _, _, let waiting, _):
            self.height = height
            isBusy = false
            return propose(waiting, event.timeMilliseconds)
        default: return []
        }
    }

    var chain: CID?

    private mutating func propose(_ waiting: UInt64, _ time: UInt64) -> [ConsensusEffect] {
        guard waiting > 0, !isBusy else { return [] }
        isBusy = true
        return [.propose(height: height + 1, round: 0, timeMilliseconds: time)]
    }

    func snapshot() -> [UInt8] { [] }
}
