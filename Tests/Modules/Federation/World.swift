import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Reputation
import Testing
import Tokens

/// A ledger with a requester (key 1), an aggregator (2), members (from 11), auditors (from 31) and an outsider (99),
/// and the steps of a job one by one.
struct World {
    var ledger: LedgerHarness
    var job = Digest.zero
    var terms: JobTerms
    let memberKeys: [UInt64]
    let auditorKeys: [UInt64]
    /// Everything that happened, in order: what a site would follow.
    var events: [Event] = []

    static let requester: UInt64 = 1
    static let aggregator: UInt64 = 2
    static let outsider: UInt64 = 99

    init(
        members: Int = 3, auditors: Int = 3, fees: FeeSchedule = .free, parameters: FederationParameters = .init(),
        register: Bool = true, change: (inout JobTerms) -> Void = { _ in }
    ) throws {
        memberKeys = (0..<UInt64(members)).map { 11 + $0 }.sorted {
            LedgerHarness.account($0) < LedgerHarness.account($1)
        }
        auditorKeys = (0..<UInt64(auditors)).map { 31 + $0 }
        let everyone = [World.requester, World.aggregator, World.outsider] + memberKeys + auditorKeys
        let allocations = everyone.map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000)) }
        let sections = CBORMap([
            (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
            (key: "federation", value: try CBORValue.decode(parameters.encoded())),
        ])
        ledger = try LedgerHarness(
            modules: [TokensModule(), ReputationModule(), PrivacyModule(), FederationModule()], sections: sections,
            parameters: LedgerParameters(fees: fees), invariant: Supply.checkConservation)
        terms = World.terms(members: memberKeys.map { LedgerHarness.account($0) })
        change(&terms)
        guard register else { return }
        for key in auditorKeys {
            try must("register_auditor", RegisterAuditorBody(verifiers: terms.verifiers), from: key)
        }
        for key in memberKeys { try must("register", World.registration(), from: key, module: "privacy") }
    }

    static let cost = CostVector((1...32).map { UInt64($0) * 1_000_000 }) ?? .zero
    static let limits = CostVector((1...32).map { UInt64($0) * 20_000_000 }) ?? .zero

    static func registration(limits: CostVector = World.limits, parent: Digest? = nil, label: String = "a")
        -> DatasetRegistration
    {
        DatasetRegistration(
            label: .blake2b256(Array(label.utf8)), unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000,
            sizeBand: 5_000, limits: limits, parent: parent)
    }

    static func terms(members: [AccountID]) -> JobTerms {
        let conformance = Digest.blake2b256([1])
        return JobTerms(
            purpose: "research/vision", members: members, minimumMembers: 2,
            aggregator: LedgerHarness.account(aggregator), rounds: 2, trainer: .blake2b256([2]),
            trainerParameters: [Parameter("learning_rate_millionths", 100_000)],
            mechanism: PrivacyMechanism(
                plugin: PluginReference(id: "org.vinculum.privacy-dp", version: "1.0.0", conformance: conformance),
                shown: .singleUpdates, parameters: [Parameter("clip_norm_millionths", 1_000_000)]),
            guarantee: Guarantee(
                unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000, adversary: .everyone,
                epsilonBillionths: 3_000_000_000),
            costPerRound: cost,
            verifiers: [PluginReference(id: "org.vinculum.verify", version: "1.0.0", conformance: conformance)],
            aggregation: AggregationRule(rule: "mean", parameters: []), auditorsPerRound: 3, quorum: 2,
            payment: PaymentTerms(
                base: Amount(tokens: 10), scorePool: Amount(tokens: 100), auditorFee: Amount(tokens: 3),
                aggregatorFee: Amount(tokens: 5), heldBackMillionths: 200_000, feeAllowance: Amount(tokens: 1)),
            deadlines: PhaseDeadlines(
                acceptMilliseconds: 60_000, commitMilliseconds: 60_000, revealMilliseconds: 60_000,
                auditMilliseconds: 60_000, proposeMilliseconds: 60_000, confirmMilliseconds: 60_000),
            initialModel: .of(raw: [0]), modelDescriptor: "mlp/784-64-10", holdout: .of(raw: [1]))
    }

    // MARK: Sending

    @discardableResult
    mutating func send(
        _ action: String, _ body: some CBORCodable, from key: UInt64, module: String = "federation",
        after milliseconds: UInt64 = 1_000, payer: AccountID? = nil
    ) throws -> ResultCode {
        let transaction = try ledger.call(module, ActionCall(action, body), from: key, payer: payer)
        let receipts = try ledger.block([transaction], afterMilliseconds: milliseconds)
        events += receipts.flatMap(\.events)
        if action == "submit", receipts.first?.isSuccess == true { job = transaction.id }
        return try #require(receipts.first).code
    }

    mutating func must(
        _ action: String, _ body: some CBORCodable, from key: UInt64, module: String = "federation",
        after milliseconds: UInt64 = 1_000
    ) throws {
        let code = try send(action, body, from: key, module: module, after: milliseconds)
        try #require(code == .ok, "\(action) by \(key): \(code)")
    }

    /// An empty block: time and a beacon.
    mutating func pass(_ milliseconds: UInt64 = 1_000) throws {
        events += try ledger.block([], afterMilliseconds: milliseconds).flatMap(\.events)
    }

    mutating func advance(after milliseconds: UInt64 = 61_000) throws {
        try must("advance", JobBody(job: job), from: World.outsider, after: milliseconds)
    }

    // MARK: Steps

    func dataset(_ key: UInt64) -> Digest {
        DatasetRecord.id(owner: LedgerHarness.account(key), label: .blake2b256(Array("a".utf8)))
    }

    mutating func submit() throws {
        try must("submit", SubmitBody(terms: terms, escrow: try terms.requiredEscrow()), from: World.requester)
    }

    mutating func accept(_ key: UInt64, rounds: UInt32? = nil) throws {
        try must(
            "accept", AcceptBody(job: job, dataset: dataset(key), policy: .zero, rounds: rounds ?? terms.rounds),
            from: key)
    }

    /// Submitted, accepted by all, started.
    mutating func begin() throws {
        try submit()
        for key in memberKeys { try accept(key) }
        try must("start", JobBody(job: job), from: World.requester)
    }

    func update(_ key: UInt64, _ round: UInt32) -> CID { .of(raw: [UInt8(key), UInt8(round)]) }

    func commitment(_ key: UInt64, _ round: UInt32, _ update: CID? = nil) -> Digest {
        Commitment.digest(
            chain: LedgerHarness.chain, job: job, round: round, member: LedgerHarness.account(key),
            salt: .blake2b256([UInt8(key)]), update: update ?? self.update(key, round))
    }

    func commitBody(_ key: UInt64, _ round: UInt32, _ update: CID? = nil) -> CommitBody {
        CommitBody(job: job, round: round, commitment: commitment(key, round, update), cost: World.cost)
    }

    func revealBody(_ key: UInt64, _ round: UInt32, _ update: CID? = nil) -> RevealBody {
        RevealBody(
            job: job, round: round, update: update ?? self.update(key, round), salt: .blake2b256([UInt8(key)]),
            size: 100)
    }

    mutating func commitAll(_ round: UInt32, except absent: Set<UInt64> = []) throws {
        for key in memberKeys where !absent.contains(key) { try must("commit", commitBody(key, round), from: key) }
    }

    mutating func revealAll(_ round: UInt32, except absent: Set<UInt64> = []) throws {
        for key in memberKeys where !absent.contains(key) { try must("reveal", revealBody(key, round), from: key) }
    }

    /// The keys of the auditors that are drawn and not lost.
    func drawn(_ round: UInt32) throws -> [UInt64] {
        let accounts = try self.round(round).auditors
        return (auditorKeys + memberKeys).filter { accounts.contains(LedgerHarness.account($0)) }
    }

    func outcomes(
        _ round: UInt32, _ change: (UInt32, inout MemberOutcome) -> Void = { _, _ in }
    ) throws -> [MemberOutcome] {
        var all: [MemberOutcome] = []
        for (index, key) in memberKeys.enumerated() where try submission(key, round)?.state == .revealed {
            var outcome = MemberOutcome(
                member: UInt32(index), outcome: .accepted,
                scoreMillionths: min(1_000_000, 500_000 + UInt32(index) * 100_000),
                evidence: .of(raw: [9]))
            change(UInt32(index), &outcome)
            all.append(outcome)
        }
        return all
    }

    mutating func judgeAll(
        _ round: UInt32, _ change: (UInt32, inout MemberOutcome) -> Void = { _, _ in }
    ) throws {
        let outcomes = try outcomes(round, change)
        for key in try drawn(round) {
            try must("verdict", VerdictBody(job: job, round: round, outcomes: outcomes), from: key)
        }
    }

    func proposal(_ round: UInt32, _ included: [UInt32]) -> ProposeBody {
        ProposeBody(
            job: job, round: round,
            proposal: ModelProposal(
                model: .of(raw: [200, UInt8(round)]), root: .blake2b256([UInt8(round)]), included: included))
    }

    func confirmation(_ round: UInt32, isEqual: Bool = true) -> ConfirmBody {
        ConfirmBody(
            job: job, round: round, model: .of(raw: [200, UInt8(round)]), root: .blake2b256([UInt8(round)]),
            isEqual: isEqual)
    }

    mutating func publish(_ round: UInt32, _ included: [UInt32]) throws {
        try must("propose", proposal(round, included), from: World.aggregator)
        for key in try drawn(round).prefix(2) { try must("confirm", confirmation(round), from: key) }
    }

    mutating func wholeRound(_ round: UInt32) throws {
        try commitAll(round)
        try revealAll(round)
        try judgeAll(round)
        try publish(round, memberKeys.indices.map { UInt32($0) })
    }

    // MARK: Looking

    func read<Record: CBORCodable>(_ path: RecordPath) throws -> Record? {
        try ledger.state.store.get(path.bytes).map { try Record.decode($0) }
    }

    func record() throws -> JobRecord { try #require(try read(FederationPaths.job(job))) }
    func round(_ number: UInt32) throws -> RoundRecord { try #require(try read(FederationPaths.round(job, number))) }
    func member(_ key: UInt64) throws -> MemberRecord {
        try #require(try read(FederationPaths.member(job, LedgerHarness.account(key))))
    }
    func submission(_ key: UInt64, _ number: UInt32) throws -> SubmissionRecord? {
        try read(FederationPaths.submission(job, number, LedgerHarness.account(key)))
    }
    func budget(_ key: UInt64) throws -> DatasetRecord { try #require(try read(PrivacyPaths.dataset(dataset(key)))) }
    func balance(_ key: UInt64) throws -> Amount { try ledger.state.balance(of: LedgerHarness.account(key)) }
    func escrow() throws -> Amount { try ledger.state.balance(of: JobRecord.escrow(of: job)) }
    func score(_ key: UInt64, _ domain: ReputationDomain) throws -> Int64 {
        let record: ReputationRecord? = try read(Scores.path(LedgerHarness.account(key), domain))
        return record?.score(at: ledger.timeMilliseconds) ?? 0
    }
    var kinds: [String] { events.map(\.kind) }

    /// Payments, refund and what the escrow still holds add up to what was put in.
    func expectExactPay(_ escrow: Amount? = nil) throws {
        let record = try record()
        let sum = record.paid.baseUnits + record.refunded.baseUnits + (try self.escrow()).baseUnits
        #expect(sum == (try escrow ?? terms.requiredEscrow()).baseUnits)
    }
}
