import Ledger
import Logging
import Primitives
import Reputation
import Staking

/// Judges the work of other validators for this node's own, where a chain's power follows contribution: once an epoch
/// it commits itself to scores, and reveals them in the next.
///
/// The scores are what the ledger knows of everybody's work, unless the operator says otherwise. What was committed to
/// is on disk before the ledger has it, so that a node that was restarted can still reveal it.
struct AppraisalAgent: Sendable {
    let reader: any StateReader
    /// Of the node's own key, whose account pays.
    let sender: any TransactionSender
    let chain: CID
    let key: PublicKey
    /// What was committed to last.
    let file: String
    /// Scores that the operator gives, by account.
    let chosen: [AccountID: UInt64]
    let logger: Logger

    /// What one look has done.
    enum Deed: Equatable { case nothing, committed, revealed }

    /// Looks again and again until the task is cancelled.
    ///
    /// - Parameter wait: returns when there may be something new.
    func run(waiting wait: @Sendable () async throws -> Void) async {
        var trouble: String?
        while !Task.isCancelled {
            do {
                while try await act() != .nothing {}
                trouble = nil
            } catch is CancellationError {
                return
            } catch {
                if trouble != "\(error)" { logger.warning("other validators' work is not appraised: \(error)") }
                trouble = "\(error)"
            }
            do { try await wait() } catch { return }
        }
    }

    /// Does what is due, one thing at a time.
    func act() async throws -> Deed {
        guard let place = try await place() else { return .nothing }
        let saved = try savedAppraisal()
        if let saved, saved.epoch + 1 == place.epoch, try await isUnrevealed(place.account, saved) {
            try await send(.revealAppraisals, saved.body.encoded())
            return .revealed
        }
        if try await record(place.account, epoch: place.epoch) != nil { return .nothing }
        // Committed to before a crash, perhaps: the very same again.
        let appraisal: SavedAppraisal
        if let saved, saved.epoch == place.epoch { appraisal = saved } else { appraisal = try await judge(place) }
        try DurableFile.replace(file, with: appraisal.encoded(), mode: 0o600)
        let commitment = appraisal.body.commitment(
            chain: chain, operatorAccount: place.account, epoch: appraisal.epoch)
        try await send(.appraise, AppraiseBody(commitment: commitment).encoded())
        return .committed
    }

    /// The epoch that runs, and this node's validator in it; nil where it has nothing to say.
    private func place() async throws -> (epoch: UInt64, account: AccountID, others: [AccountID])? {
        let values = try await reader.values(at: [
            StakingPaths.parameters.bytes, StakingPaths.epochState.bytes, StakingPaths.activeSet.bytes,
        ])
        guard let parameters = try values[0].map({ try StakingParameters.decode($0) }),
            parameters.powerRule == .contribution, let state = try values[1].map({ try EpochState.decode($0) }),
            let members = try values[2].map({ try ActiveSet.decode($0) })?.members,
            let own = members.first(where: { $0.key == key })?.operatorAccount, members.count > 1
        else { return nil }
        return (state.number, own, members.map(\.operatorAccount).filter { $0 != own })
    }

    private func record(_ account: AccountID, epoch: UInt64) async throws -> AppraisalRecord? {
        try await reader.value(at: StakingPaths.appraisal(account, epoch: epoch).bytes).map {
            try AppraisalRecord.decode($0)
        }
    }

    private func isUnrevealed(_ account: AccountID, _ saved: SavedAppraisal) async throws -> Bool {
        try await record(account, epoch: saved.epoch)?.appraisals.isEmpty == true
    }

    private func judge(
        _ place: (epoch: UInt64, account: AccountID, others: [AccountID])
    ) async throws -> SavedAppraisal {
        let now = try await reader.head().timeMilliseconds
        var appraisals: [Appraisal] = []
        for subject in place.others {
            let paths = StakingModule.workDomains.map { Scores.path(subject, $0).bytes }
            let scores = try await reader.values(at: paths).map { bytes in
                try bytes.map { try ReputationRecord.decode($0).score(at: now) } ?? 0
            }
            appraisals.append(Appraisal(subject: subject, score: chosen[subject] ?? StakingModule.work(scores)))
        }
        let salt = Digest.blake2b256(SecureRandom.bytes(count: 32))
        return SavedAppraisal(epoch: place.epoch, body: RevealAppraisalsBody(salt: salt, appraisals: appraisals))
    }

    private func send(_ action: StakingModule.Action, _ body: [UInt8]) async throws {
        let code = try await sender.send(module: StakingPaths.module, action: action.rawValue, body: body, payer: nil)
        guard code == .ok else {
            throw ActionRefused(module: StakingPaths.module, action: action.rawValue, code: code)
        }
    }

    private func savedAppraisal() throws -> SavedAppraisal? {
        guard DurableFile.exists(file) else { return nil }
        // What cannot be read is as good as not there: the next epoch makes another.
        return try? SavedAppraisal.decode(try DurableFile.read(file, limitBytes: 1 << 20))
    }
}

/// What was committed to, with what it takes to reveal it. Tuple: [number of the epoch, body].
struct SavedAppraisal: Hashable, Sendable, CBORCodable {
    let epoch: UInt64
    let body: RevealAppraisalsBody

    init(epoch: UInt64, body: RevealAppraisalsBody) {
        self.epoch = epoch
        self.body = body
    }

    func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(epoch)
        encoder.value(body)
    }

    init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        epoch = try decoder.unsigned()
        body = try decoder.value()
    }
}
