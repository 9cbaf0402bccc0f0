import Ledger
import Primitives
import Privacy

/// Jobs of federated training: escrow, invitation, rounds in five phases, verdicts, publication, pay.
///
/// The module keeps everything it needs between two transactions in the state, so that a node, a site, an auditor or
/// an
/// aggregator that starts again goes on from what it reads there.
public struct FederationModule: LedgerModule {
    public enum Action: String, CaseIterable, Sendable {
        case submit, accept, refuse, withdraw, start, commit, reveal, verdict, propose, confirm, advance, close, abort
        case evidence
        case replaceAggregator = "replace_aggregator"
        case registerAuditor = "register_auditor"
        case retireAuditor = "retire_auditor"
    }

    /// At most so many waiting draws are served at the end of a block; the others wait for the next.
    public static let drawsPerBlock = 64

    public init() {}

    public var name: String { FederationPaths.module }
    public var actions: [ModuleAction] { Action.allCases.map { ModuleAction($0.rawValue) } }

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        guard let action = Action(rawValue: call.action), call.version == 1 else {
            throw Refusal(.unknownAction, "\(call.action) version \(call.version)")
        }
        switch action {
        case .submit: try OpenJob.submit(try call.decode(), &context)
        case .registerAuditor: try AuditorRegister.register(try call.decode(), &context)
        case .retireAuditor:
            let _: RetireAuditorBody = try call.decode()
            try AuditorRegister.retire(&context)
        case .accept:
            try on(call, AcceptBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.accept(body, &context)
            }
        case .refuse:
            try on(call, RefuseBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.refuse(body, &context)
            }
        case .commit:
            try on(call, CommitBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.commit(body, &context)
            }
        case .reveal:
            try on(call, RevealBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.reveal(body, &context)
            }
        case .verdict:
            try on(call, VerdictBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.takeVerdict(body, &context)
            }
        case .propose:
            try on(call, ProposeBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.propose(body, &context)
            }
        case .confirm:
            try on(call, ConfirmBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.confirm(body, &context)
            }
        case .evidence:
            try on(call, EvidenceBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.takeEvidence(body, &context)
            }
        case .replaceAggregator:
            try on(call, ReplaceBody.self, &context) { (job, body, context) throws(Refusal) in
                try job.replaceAggregator(body, &context)
            }
        case .withdraw:
            try on(call, JobBody.self, &context) { (job, _, context) throws(Refusal) in try job.withdraw(&context) }
        case .start:
            try on(call, JobBody.self, &context) { (job, _, context) throws(Refusal) in try job.start(&context) }
        case .advance:
            try on(call, JobBody.self, &context) { (job, _, context) throws(Refusal) in try job.advance(&context) }
        case .close:
            try on(call, JobBody.self, &context) { (job, _, context) throws(Refusal) in try job.close(&context) }
        case .abort:
            try on(call, JobBody.self, &context) { (job, _, context) throws(Refusal) in
                try job.abortByRequester(&context)
            }
        }
    }

    /// Draws the auditors for which a block after the request has come.
    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {
        try drawWaiting(&context)
        try sweepEnded(&context)
    }

    /// Sends what is left in the escrows of jobs that ended in this block to their requesters.
    private func sweepEnded(_ context: inout ModuleContext) throws(Refusal) {
        for item in try context.list(UInt64.self, below: FederationPaths.endings, limit: .max) {
            guard let job = Digest(bytes: item.suffix.prefix(32)) else {
                throw FederationCode.inconsistentState.refusal("a path of a job that ended")
            }
            var open = try OpenJob(job, &context)
            try context.remove(at: FederationPaths.ending(job))
            try open.sweep(&context)
            try open.save(&context)
        }
    }

    private func drawWaiting(_ context: inout ModuleContext) throws(Refusal) {
        let waiting = try context.list(
            UInt64.self, below: FederationPaths.waitingDraws, limit: FederationModule.drawsPerBlock)
        for item in waiting where item.value < context.block.height {
            guard let job = Digest(bytes: item.suffix.prefix(32)) else {
                throw FederationCode.inconsistentState.refusal("a path of a waiting draw")
            }
            var open = try OpenJob(job, &context)
            try context.remove(at: FederationPaths.waitingDraw(job, open.record.round))
            try open.drawAuditors(&context)
            try open.save(&context)
        }
    }

    /// Decodes the body, takes up the job that it names, and saves it.
    private func on<Body: NamesJob>(
        _ call: ActionCall, _ type: Body.Type, _ context: inout ModuleContext,
        _ rule: (inout OpenJob, Body, inout ModuleContext) throws(Refusal) -> Void
    ) throws(Refusal) {
        let body: Body = try call.decode()
        var open = try OpenJob(body.job, &context)
        try rule(&open, body, &context)
        try open.save(&context)
    }

    /// The section is null, or `FederationParameters`.
    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {
        var parameters = FederationParameters()
        if section != .null {
            do { parameters = try FederationParameters.decode(section.encoded()) } catch {
                throw Refusal(malformed: error)
            }
        }
        try context.save(parameters, at: FederationPaths.parameters)
    }

    public func approvesPayer(
        _ payer: AccountID, feeLimit: Amount, for call: ActionCall, of module: String, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        guard let job = try context.load(Digest.self, at: FederationPaths.escrow(payer)) else { return false }
        guard namesJob(job, call, of: module) else {
            throw FederationCode.feeNotCovered.refusal("the escrow does not pay for this \(module).\(call.action)")
        }
        try EscrowFees.authorise(job, sender: context.sender, fee: feeLimit, &context)
        return true
    }

    /// Whether a call is about the job. A newcomer makes itself known on the job's account too.
    private func namesJob(_ job: Digest, _ call: ActionCall, of module: String) -> Bool {
        if module == PrivacyPaths.module { return call.action == PrivacyModule.Action.register.rawValue }
        guard module == name, let action = Action(rawValue: call.action) else { return false }
        switch action {
        case .registerAuditor: return true
        case .submit, .retireAuditor: return false
        default:
            let named = try? CBORDecoder.read(call.body) { (decoder) throws(CBORError) -> Digest in
                let count = try decoder.array()
                let job = try decoder.digest()
                for _ in 1..<max(count, 1) { try decoder.skip() }
                return job
            }
            return named == job
        }
    }

    public func notePaid(_ fee: Amount, by payer: AccountID, _ context: inout ModuleContext) throws(Refusal) {
        guard let job = try context.load(Digest.self, at: FederationPaths.escrow(payer)) else { return }
        try EscrowFees.note(fee, job, of: context.sender, &context)
    }
}

extension OpenJob {
    mutating func refuse(_ body: RefuseBody, _ context: inout ModuleContext) throws(Refusal) {
        guard SiteReason(rawValue: body.reason) != nil else {
            throw FederationCode.unknownReason.refusal("reason \(body.reason)")
        }
        if body.round == 0 { try refuseJob(body, &context) } else { try refuseRound(body, &context) }
    }

    /// At any moment; whose update was revealed in the open round is paid.
    mutating func abortByRequester(_ context: inout ModuleContext) throws(Refusal) {
        guard context.sender == record.requester else { throw FederationCode.notRequester.refusal("abort") }
        guard !record.status.hasEnded else { throw FederationCode.wrongStatus.refusal("the job has ended") }
        try abort(.abortedByRequester, &context)
    }
}

/// A body that names the job it is about.
protocol NamesJob: CBORCodable {
    var job: Digest { get }
}

extension AcceptBody: NamesJob {}
extension RefuseBody: NamesJob {}
extension JobBody: NamesJob {}
extension ReplaceBody: NamesJob {}
extension CommitBody: NamesJob {}
extension RevealBody: NamesJob {}
extension VerdictBody: NamesJob {}
extension ProposeBody: NamesJob {}
extension ConfirmBody: NamesJob {}
extension EvidenceBody: NamesJob {}
