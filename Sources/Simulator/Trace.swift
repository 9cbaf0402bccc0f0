internal import PluginHost
internal import Primitives

/// Every event and effect of a run as lines of text: the same seed, plan and library give the same bytes.
///
/// `+TIME PROCESS < EVENT | RECORD` and, for each effect in the order in which it is applied, `+TIME PROCESS > EFFECT`,
/// then `+TIME PROCESS = BATCH`. Time is in milliseconds of virtual time, records and batches are the bytes that cross
/// the plugin interface, in hexadecimal; `*` is what happens to a process, lines without a process are the network's.
/// Used by the thread of the run.
package final class Trace {
    private let sink: (String) -> Void

    /// - Parameter sink: gets whole lines, with their ends.
    package init(_ sink: @escaping (String) -> Void) { self.sink = sink }

    func write(at now: Int64, _ text: String) { sink("+\(now - NetworkPlan.epoch) \(text)\n") }

    func event(at now: Int64, process: String, _ event: ConsensusEvent, _ record: [UInt8]) {
        write(at: now, "\(process) < \(Self.text(event)) | \(Hex.encode(record))")
    }

    func effects(at now: Int64, process: String, _ effects: [ConsensusEffect], _ batch: [UInt8]) {
        for effect in effects { write(at: now, "\(process) > \(Self.text(effect))") }
        if !batch.isEmpty { write(at: now, "\(process) = \(Hex.encode(batch))") }
    }

    // MARK: Words

    static func text(_ id: Digest) -> String { id == .zero ? "nil" : String(id.hex.prefix(8)) }

    static func text(_ key: PublicKey) -> String { String(key.hex.prefix(8)) }

    static func text(_ vote: ConsensusVote) -> String {
        let proof = vote.proofRound == 0 ? "" : " proof \(vote.proofRound)"
        return "\(vote.step) \(vote.height)/\(vote.round) \(text(vote.headerID))\(proof)"
    }

    private static func text(_ votes: [CastVote]) -> String {
        votes.isEmpty ? "" : " [" + votes.map { "\(text($0.key)) \(text($0.vote))" }.joined(separator: ", ") + "]"
    }

    private static func text(_ event: ConsensusEvent) -> String {
        switch event.body {
        case .start(let start): "start at height \(start.height) with \(start.validators.count) validators"
        case .time: "time"
        case .timer(let id): "timer \(id)"
        case .transactions(let count, _): "transactions \(count)"
        case .proposalBuilt(let height, let round, let id, _):
            "proposal_built \(height)/\(round) \(text(id ?? .zero))"
        case .validated(let height, let round, let id, let valid, _, let time):
            "validated \(height)/\(round) \(text(id)) \(valid ? "valid" : "invalid") time \(time)"
        case .message(let sender, let attachment, let votes, let payload):
            "message from \(text(sender)) block \(text(attachment ?? .zero)), \(payload.count) bytes\(text(votes))"
        case .voteSigned(let vote, let signature): "vote_signed \(text(vote))\(signature == nil ? " refused" : "")"
        case .voteUnavailable(let vote): "vote_signed \(text(vote)) unavailable"
        case .blockCommitted(let height, let id, let time, let byCertificate, let waiting, let validators, _):
            "block_committed \(height) \(text(id)) time \(time), \(waiting) waiting"
                + (byCertificate ? ", by certificate" : "") + (validators.map { ", \($0.count) validators" } ?? "")
        case .parameters(let height, _): "parameters from \(height)"
        }
    }

    private static func text(_ effect: ConsensusEffect) -> String {
        switch effect {
        case .propose(let height, let round, let time): "propose \(height)/\(round) time \(time)"
        case .validate(let height, let round, let id): "validate \(height)/\(round) \(text(id))"
        case .signVote(let vote): "sign_vote \(text(vote))"
        case .decide(let height, let round, let id, let signatures):
            "decide \(height)/\(round) \(text(id)) by \(signatures.count)"
        case .persist(let state, let blocks):
            "persist \(state.count) bytes, blocks [\(blocks.map { text($0) }.joined(separator: ", "))]"
        case .send(let recipient, let message):
            "send to \(recipient.map { text($0) } ?? "all"), \(message.payload.count) bytes"
                + (message.attachment.map { ", block \(text($0))" } ?? "") + text(message.votes)
        case .setTimer(let id, let time): "set_timer \(id) at \(time)"
        case .cancelTimer(let id): "cancel_timer \(id)"
        case .evidence(let offender, let first, _, let second, _):
            "evidence against \(text(offender)): \(text(first)), then \(text(second))"
        case .release(let id): "release \(text(id))"
        }
    }
}

extension SimulatedNetwork {
    /// A process in traces: its validator's number, and `b` for the second of two with one key.
    func name(_ index: Int) -> String {
        let isSecond = index > 0 && processes[index - 1].key == processes[index].key
        return "v\(processes[index].key)\(isSecond ? "b" : "")"
    }
}
