import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Tokens

@testable import Node

/// A ledger in memory with the real modules: a requester (key 1), an aggregator (2), members, three auditors (31 to
/// 33), and objects. Every party but the site under test is played by a script that follows the duties.
actor FederationWorld: StateReader, ObjectReader {
    private var ledger: LedgerHarness
    private(set) var jobs: [Digest] = []
    /// Without those that the site has said to be over.
    var heardOf: [Digest] { jobs.filter { !forgotten.contains($0) } }
    private var forgotten: Set<Digest> = []
    private var objects: [CID: [UInt8]] = [:]
    /// Every object that was ever stored, in order.
    private(set) var stored: [CID] = []
    /// Every event, numbered from 1 by its place.
    private(set) var events: [EventRecord] = []
    /// Every transaction that a gateway brought, in order, with its code.
    private(set) var submitted: [(action: String, code: ResultCode)] = []
    /// Members that are not played.
    private let absent: Set<UInt64>
    private let memberKeys: [UInt64]
    /// Auditors that are played, and whether the aggregator is.
    private let auditing: [UInt64]
    private let aggregates: Bool
    private var makeUpdate: (@Sendable (UInt64, UInt32) throws -> [UInt8])?

    static let auditorKeys: [UInt64] = [31, 32, 33]

    /// - Parameters:
    ///   - absent: members that the script does not play, because the test does.
    ///   - auditing: auditors that the script plays.
    init(
        members: [UInt64] = [11, 12], played absent: Set<UInt64> = [11],
        auditing: [UInt64] = FederationWorld.auditorKeys, aggregates: Bool = true
    ) throws {
        memberKeys = members
        self.absent = absent
        self.auditing = auditing
        self.aggregates = aggregates
        let everyone = [1, 2] + members + Self.auditorKeys
        let allocations = everyone.map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000)) }
        ledger = try LedgerHarness(
            modules: NodeRuntime.modules,
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())]),
            parameters: LedgerParameters(fees: .free), invariant: Supply.checkConservation)
        for key in Self.auditorKeys {
            _ = try ledger.apply(
                "federation", ActionCall("register_auditor", RegisterAuditorBody(verifiers: [Samples.verifier])),
                from: key)
        }
        for key in members {
            _ = try ledger.apply("privacy", ActionCall("register", Samples.registration()), from: key)
        }
    }

    // MARK: Reading

    func value(at path: [UInt8]) -> [UInt8]? { ledger.state.store.get(path) }
    func head() -> (height: UInt64, timeMilliseconds: UInt64) { (ledger.height, ledger.timeMilliseconds) }

    func bytes(of id: CID) throws -> [UInt8] {
        guard let bytes = objects[id] else { throw ServiceError(.notFound, "no object \(id.text)") }
        return bytes
    }

    func store(_ bytes: [UInt8]) -> CID {
        let id = CID.of(raw: bytes)
        objects[id] = bytes
        stored.append(id)
        return id
    }

    func forget(_ id: CID) { objects[id] = nil }
    /// What is held now.
    var held: Set<CID> { Set(objects.keys) }
    func forget(_ job: Digest) { forgotten.insert(job) }

    func reader(_ job: Digest) async throws -> JobReader {
        guard let reader = try await JobReader(job: job, state: self) else { throw ServiceError(.notFound, "no job") }
        return reader
    }

    nonisolated static func dataset(of key: UInt64) -> Digest {
        DatasetRecord.id(owner: LedgerHarness.account(key), label: .blake2b256(Array("a".utf8)))
    }

    func budget(of key: UInt64) throws -> DatasetRecord {
        guard let bytes = value(at: PrivacyPaths.dataset(Self.dataset(of: key)).bytes) else {
            throw ServiceError(.notFound, "no dataset")
        }
        return try DatasetRecord.decode(bytes)
    }

    // MARK: Writing

    func submit(_ transaction: Transaction) throws -> ResultCode {
        let receipts = try ledger.block([VerifiedTransaction(verifying: transaction)], afterMilliseconds: 10)
        let code = note(receipts[0]).code
        submitted.append((transaction.body.call.action, code))
        return code
    }

    @discardableResult
    func send(_ action: String, _ body: some CBORCodable, from key: UInt64, module: String = "federation") throws
        -> ResultCode
    {
        note(try ledger.apply(module, ActionCall(action, body), from: key, afterMilliseconds: 10)).code
    }

    @discardableResult
    func sendEncoded(_ action: String, _ body: [UInt8], from key: UInt64, module: String) throws -> ResultCode {
        note(try ledger.apply(module, ActionCall(action: action, body: body), from: key, afterMilliseconds: 10)).code
    }

    private func note(_ receipt: Receipt) -> Receipt {
        for event in receipt.events {
            events.append(
                EventRecord(
                    cursor: EventCursor(sequence: UInt64(events.count + 1)), height: ledger.height,
                    module: event.module,
                    kind: event.kind, path: event.path, accounts: event.accounts, payload: event.payload))
        }
        return receipt
    }

    /// What played members reveal, by key and round; bytes that are no update otherwise.
    func setUpdates(_ make: @escaping @Sendable (UInt64, UInt32) throws -> [UInt8]) { makeUpdate = make }

    func pass(milliseconds: UInt64) throws { try ledger.block([], afterMilliseconds: milliseconds) }

    /// Submits a job with a stored model.
    func submitJob(_ change: @Sendable (inout JobTerms) -> Void = { _ in }) throws -> Digest {
        var terms = try Samples.terms(members: memberKeys.map { LedgerHarness.account($0) })
        terms.initialModel = store([1, 2, 3])
        change(&terms)
        let transaction = try ledger.call(
            "federation", ActionCall("submit", SubmitBody(terms: terms, escrow: try terms.requiredEscrow())), from: 1)
        let receipt = note(try ledger.block([transaction])[0])
        guard receipt.isSuccess else { throw Refusal(receipt.code, "submit") }
        jobs.append(transaction.id)
        return transaction.id
    }

    // MARK: The other parties

    /// Every party but the site under test does what the ledger waits for; false when there was nothing.
    func moveOthers() async throws -> Bool {
        var moved = false
        for job in jobs {
            let reader = try await reader(job)
            for key in memberKeys where !absent.contains(key) {
                if try await moveMember(reader, key) { moved = true }
            }
            for key in auditing where try await moveAuditor(reader, key) { moved = true }
            if aggregates, try await moveAggregator(reader) { moved = true }
        }
        return moved
    }

    private func moveMember(_ job: JobReader, _ key: UInt64) async throws -> Bool {
        let account = LedgerHarness.account(key)
        let salt = Digest.blake2b256([UInt8(key)])
        switch try await MemberDuty.next(job, account) {
        case .wait, .done: return false
        case .answer:
            try send(
                "accept",
                AcceptBody(job: job.job, dataset: Self.dataset(of: key), policy: .zero, rounds: job.terms.rounds),
                from: key)
        case .commit(let round, _):
            let commitment = Commitment.digest(
                chain: LedgerHarness.chain, job: job.job, round: round, member: account, salt: salt,
                update: try update(job, key, round))
            try send(
                "commit",
                CommitBody(job: job.job, round: round, commitment: commitment, cost: job.terms.costPerRound), from: key)
        case .reveal(let round):
            try send(
                "reveal",
                RevealBody(job: job.job, round: round, update: try update(job, key, round), salt: salt, size: 3),
                from: key)
        }
        return true
    }

    private func update(_ job: JobReader, _ key: UInt64, _ round: UInt32) throws -> CID {
        guard let makeUpdate else {
            return .of(raw: job.job.bytes + [UInt8(key), UInt8(truncatingIfNeeded: round), UInt8(round >> 8)])
        }
        return store(try makeUpdate(key, round))
    }

    private func moveAuditor(_ job: JobReader, _ key: UInt64) async throws -> Bool {
        switch try await AuditorDuty.next(job, LedgerHarness.account(key)) {
        case .wait: return false
        case .judge(let round):
            guard let record = try await job.round(round) else { return false }
            let revealed = try await job.submissions(round, of: record).filter { $0.value.state == .revealed }
            let outcomes = revealed.keys.sorted().map {
                MemberOutcome(
                    member: $0, outcome: .accepted, scoreMillionths: 500_000,
                    evidence: store(job.job.bytes + [UInt8(truncatingIfNeeded: round), UInt8(round >> 8), UInt8(key)]))
            }
            try send("verdict", VerdictBody(job: job.job, round: round, outcomes: outcomes), from: key)
        case .confirm(let round):
            guard let proposal = try await job.round(round)?.proposal else { return false }
            try send(
                "confirm",
                ConfirmBody(job: job.job, round: round, model: proposal.model, root: proposal.root, isEqual: true),
                from: key)
        }
        return true
    }

    private func moveAggregator(_ job: JobReader) async throws -> Bool {
        switch try await AggregatorDuty.next(
            job, LedgerHarness.account(2), nowMilliseconds: ledger.timeMilliseconds)
        {
        case .wait, .done: return false
        case .start: try send("start", JobBody(job: job.job), from: 2)
        case .advance: try send("advance", JobBody(job: job.job), from: 2)
        case .propose(let round):
            guard let record = try await job.round(round) else { return false }
            let accepted = try await job.submissions(round, of: record).filter { $0.value.outcome == .accepted }
            let model = store(
                round < 256 ? [9, UInt8(round)] : [9, UInt8(round >> 8), UInt8(truncatingIfNeeded: round)])
            try send(
                "propose",
                ProposeBody(
                    job: job.job, round: round,
                    proposal: ModelProposal(model: model, root: model.digest, included: accepted.keys.sorted())),
                from: 2)
        }
        return true
    }
}
