// @NAME@: a consensus plugin in Swift.
//
// Steps: 1. Read draft/consensus.h: it is the specification; PluginKit is its Swift face. 2. Fill in the functions
// marked "Step". 3. `swift build -c release`, then `vinculum plugin check .`. 4. Write README.md: what it does, its
// settings, its limits.
import CVinculum
import PluginKit

@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? { PluginLibrary.entry(.consensus(MyPlugin.self)) }

/// A single validator that decides what it proposes.
final class MyPlugin: ConsensusPlugin {
    static var description: PluginDescription {
        PluginDescription(id: "@ID@", version: "0.1.0", vendor: "@VENDOR@", licence: "Apache-2.0")
    }

    private var chain = Bytes32.zero
    private var ownKey: Bytes32?
    private var height: UInt64 = 0
    private var blockTime: Int64 = 0
    /// Of the next proposal: above every round of this height in which a vote was asked for.
    private var round: UInt32 = 0
    private var isBusy = false

    init(host: HostAccess) {}

    // What survives a restart: without it, the key would be asked for a second vote in a round (CON-5, CON-6).
    private func state(round: UInt32) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: height >> (8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: round >> (8 * $0)) }
    }

    func start(snapshot: [UInt8]) throws(PluginFailure) {
        if snapshot.isEmpty { return }
        guard snapshot.count == 12 else { throw PluginFailure(.invalid, "not a state of this engine") }
        height = snapshot[..<8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        round = snapshot[8...].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    func snapshot() throws(PluginFailure) -> [UInt8] { state(round: round) }

    // Step: bring validators to agree.
    func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        switch event.body {
        case .start(let start):
            chain = start.chain
            ownKey = start.ownKey
            // The ledger may be ahead of what was persisted: no vote was asked for at its next height.
            if start.height != height { round = 0 }
            height = start.height
        case .transactions(let count, _):
            if count > 0, !isBusy { propose(event.timeMilliseconds, &effects) }
        case .proposalBuilt(let built, let builtRound, let headerID, _):
            guard isBusy, built == height + 1, builtRound == round else { return }
            guard let headerID else {
                isBusy = false
                return
            }
            effects.persist(state(round: round + 1))
            effects.signVote(
                ConsensusVote(chain: chain, height: built, round: round, step: .commit, headerID: headerID))
            round += 1
        case .voteSigned(let vote, let signature):
            guard isBusy, vote.height == height + 1, let ownKey else { return }
            guard let signature else {
                // The key has signed something else in that round: the next one, with another block.
                propose(event.timeMilliseconds, &effects)
                return
            }
            effects.decide(
                height: vote.height, round: vote.round, headerID: vote.headerID, signatures: [(ownKey, signature)])
        case .voteUnavailable:
            if isBusy { propose(event.timeMilliseconds, &effects) }
        case .blockCommitted(let block):
            height = block.height
            blockTime = block.blockTimeMilliseconds
            round = 0
            isBusy = false
            if block.transactionsWaiting > 0 { propose(event.timeMilliseconds, &effects) }
        case .time, .timer, .validated, .message, .parameters:
            break
        }
    }

    private func propose(_ now: Int64, _ effects: inout ConsensusEffects) {
        guard ownKey != nil else { return }
        effects.propose(height: height + 1, round: round, timeMilliseconds: max(now, blockTime + 1))
        isBusy = true
    }
}
