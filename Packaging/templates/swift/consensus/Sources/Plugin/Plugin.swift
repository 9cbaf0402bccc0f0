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
    private var isBusy = false

    init(host: HostAccess) {}

    // Nothing has to survive a restart here: the start event says where the ledger stands.
    func start(snapshot: [UInt8]) throws(PluginFailure) {
        guard snapshot.isEmpty else { throw PluginFailure(.invalid, "this engine keeps no state") }
    }

    func snapshot() throws(PluginFailure) -> [UInt8] { [] }

    // Step: bring validators to agree.
    func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        switch event.body {
        case .start(let start):
            chain = start.chain
            ownKey = start.ownKey
            height = start.height
        case .transactions(let count, _):
            if count > 0, !isBusy { propose(event.timeMilliseconds, &effects) }
        case .proposalBuilt(let height, let round, let headerID, _):
            guard let headerID else {
                isBusy = false
                return
            }
            effects.signVote(
                ConsensusVote(chain: chain, height: height, round: round, step: .commit, headerID: headerID))
        case .voteSigned(let vote, let signature):
            guard let signature, let ownKey else { return }
            effects.decide(
                height: vote.height, round: vote.round, headerID: vote.headerID, signatures: [(ownKey, signature)])
        case .blockCommitted(let block):
            height = block.height
            blockTime = block.blockTimeMilliseconds
            isBusy = false
            if block.transactionsWaiting > 0 { propose(event.timeMilliseconds, &effects) }
        case .time, .timer, .validated, .message, .parameters:
            break
        }
    }

    private func propose(_ now: Int64, _ effects: inout ConsensusEffects) {
        guard ownKey != nil else { return }
        effects.propose(height: height + 1, round: 0, timeMilliseconds: max(now, blockTime + 1))
        isBusy = true
    }
}
