import Consensus
import Federation
import Ledger
import LedgerSupport
import Market
import Primitives
import Privacy
import Reputation
import Staking
import Tokens

/// One call of a program that the ledger is fuzzed with.
package struct LedgerCall: Hashable, Sendable {
    var sender: UInt8
    var action: UInt8
    /// Bit 0: a deadline passes first. Bit 1: the job's escrow pays. Bit 2: the requester pays and signs too. Bit 3:
    /// another version of the body.
    var flags: UInt8
    var body: [UInt8]

    var encoded: [UInt8] {
        [sender, action, flags, UInt8(body.count >> 8), UInt8(truncatingIfNeeded: body.count)] + body
    }

    init(sender: UInt8, action: UInt8, flags: UInt8 = 0, body: [UInt8]) {
        self.sender = sender
        self.action = action
        self.flags = flags
        self.body = body
    }

    init(_ reader: inout FuzzReader) {
        sender = reader.byte()
        action = reader.byte()
        flags = reader.byte()
        let length = reader.word()
        body = reader.bytes(length)
    }
}

/// A ledger with all modules whose accounts work: a federation and a task of the market, step by step. Each step is a
/// place that fuzzing begins from, and its call is a seed.
struct LedgerScript {
    private(set) var ledger: LedgerHarness
    private(set) var job = Digest.zero
    private(set) var task = Digest.zero
    /// The first machine that is on offer.
    private(set) var offer = Digest.zero
    private(set) var calls: [LedgerCall] = []
    /// What each call's block did.
    private(set) var blocks: [String] = []

    /// The requester, the aggregator, three members, three auditors that offer machines too, and an outsider.
    static let senders: [UInt64] = [1, 2, 11, 12, 13, 31, 32, 33, 99]
    static let auditors: [UInt64] = [31, 32, 33]
    static let modules: [any LedgerModule] = [
        TokensModule(), ReputationModule(), StakingModule(), ConsensusModule(), PrivacyModule(), FederationModule(),
        MarketModule(),
    ]
    static let actions: [(module: String, action: String)] = modules.flatMap { module in
        module.actions.map { (module.name, $0.name) }
    }
    /// In the order of their accounts, as a job's terms list them.
    static let members: [UInt64] = [11, 12, 13].sorted { LedgerHarness.account($0) < LedgerHarness.account($1) }

    init() throws {
        let allocations = Self.senders.map {
            Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000))
        }
        ledger = try LedgerHarness(
            modules: Self.modules,
            sections: CBORMap([
                (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
                (key: "staking", value: try Self.stakingGenesis.section()),
                (key: "consensus", value: try Self.engines.section()),
            ]),
            invariant: Supply.checkConservation)
    }

    /// Plays the first so many calls; fewer when the script ends before. Answers whether there were so many.
    mutating func play(steps limit: Int) throws -> Bool {
        do {
            try play { $0.calls.count >= limit }
            return calls.count >= limit
        } catch is Stop {
            return true
        }
    }

    private struct Stop: Error {}

    /// A block without transactions.
    mutating func wait() throws { try ledger.block() }

    mutating func send(
        _ module: String, _ action: String, _ body: some CBORCodable, from key: UInt64, _ isEnough: (Self) -> Bool
    ) throws {
        if isEnough(self) { throw Stop() }
        let transaction = try ledger.call(module, ActionCall(action, body), from: key)
        let receipts = try ledger.block([transaction])
        guard receipts.first?.isSuccess == true else {
            throw FuzzFinding("the script's \(module) \(action) is refused: \(receipts.first?.code.description ?? "")")
        }
        blocks.append(LedgerTranscript.line(ledger, receipts))
        if module == "federation", action == "submit" { job = transaction.id }
        if module == "market", action == "submit" { task = transaction.id }
        if module == "market", action == "offer", offer == .zero { offer = transaction.id }
        let index = Self.actions.firstIndex { $0 == (module, action) } ?? 0
        let sender = Self.senders.firstIndex(of: key) ?? 0
        calls.append(LedgerCall(sender: UInt8(sender), action: UInt8(index), body: body.encoded()))
    }

    private mutating func play(_ isEnough: (Self) -> Bool) throws {
        let transfer = Transfer(to: LedgerHarness.account(2), amount: Amount(tokens: 5))
        try send("tokens", "transfer", transfer, from: 1, isEnough)
        try send("tokens", "burn", BurnOrder(amount: Amount(tokens: 1)), from: 99, isEnough)
        let batch = TransferBatch([1, 2].map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1)) })
        try send("tokens", "transfer-batch", batch, from: 99, isEnough)
        try playFederation(isEnough)
        try playMarket(isEnough)
        try playStaking(isEnough)
        let swap = SwapBody(height: ledger.height + 1_000, engine: "b", parameters: CBORMap([("a", .unsigned(1))]))
        try send("consensus", "swap", swap, from: 1, isEnough)
        try send("consensus", "cancel", CancelBody(), from: 1, isEnough)
        let keys = [UInt64](3...4).map { Authorisation.WeightedKey(LedgerHarness.key($0).publicKey) }
        let authorisation = try Authorisation(keys: keys.sorted { $0.key < $1.key }, threshold: 1)
        try send("tokens", "open-multisignature", authorisation, from: 99, isEnough)
        try send("tokens", "rotate-authorisation", authorisation, from: 99, isEnough)
    }

    static let engines = ConsensusGenesis(
        operators: [LedgerHarness.account(1)],
        engines: ["a", "b"].map { AllowedEngine(engine: $0, quorum: .twoThirds, isByContribution: $0 == "b") },
        validators: [])

    // MARK: A federation

    private mutating func playFederation(_ isEnough: (Self) -> Bool) throws {
        let terms = Self.terms()
        for key in Self.auditors {
            let body = RegisterAuditorBody(verifiers: terms.verifiers)
            try send("federation", "register_auditor", body, from: key, isEnough)
        }
        for key in Self.members { try send("privacy", "register", Self.registration, from: key, isEnough) }
        try send(
            "federation", "submit", SubmitBody(terms: terms, escrow: try terms.requiredEscrow()), from: 1, isEnough)
        for key in Self.members {
            let body = AcceptBody(job: job, dataset: Self.dataset(key), policy: .zero, rounds: terms.rounds)
            try send("federation", "accept", body, from: key, isEnough)
        }
        try send("federation", "start", JobBody(job: job), from: 1, isEnough)
        for round in 1...terms.rounds { try playRound(round, isEnough) }
    }

    private mutating func playRound(_ round: UInt32, _ isEnough: (Self) -> Bool) throws {
        for key in Self.members {
            let commitment = Commitment.digest(
                chain: LedgerHarness.chain, job: job, round: round, member: LedgerHarness.account(key), salt: .zero,
                update: Self.update(key, round))
            let body = CommitBody(job: job, round: round, commitment: commitment, cost: Self.cost)
            try send("federation", "commit", body, from: key, isEnough)
        }
        for key in Self.members {
            let body = RevealBody(job: job, round: round, update: Self.update(key, round), salt: .zero, size: 100)
            try send("federation", "reveal", body, from: key, isEnough)
        }
        let drawn = try drawnAuditors(round)
        let outcomes = Self.members.indices.map {
            MemberOutcome(
                member: UInt32($0), outcome: .accepted, scoreMillionths: 500_000, evidence: .of(raw: [9]))
        }
        for key in drawn {
            let body = VerdictBody(job: job, round: round, outcomes: outcomes)
            try send("federation", "verdict", body, from: key, isEnough)
        }
        let model = CID.of(raw: [200, UInt8(round)])
        let proposal = ModelProposal(model: model, root: .zero, included: Self.members.indices.map { UInt32($0) })
        try send("federation", "propose", ProposeBody(job: job, round: round, proposal: proposal), from: 2, isEnough)
        for key in drawn.prefix(2) {
            let body = ConfirmBody(job: job, round: round, model: model, root: .zero, isEqual: true)
            try send("federation", "confirm", body, from: key, isEnough)
        }
    }

    private func drawnAuditors(_ round: UInt32) throws -> [UInt64] {
        guard let bytes = ledger.state.store.get(FederationPaths.round(job, round).bytes) else { return [] }
        let accounts = try RoundRecord.decode(bytes).auditors
        return (Self.auditors + Self.members).filter { accounts.contains(LedgerHarness.account($0)) }
    }

    static let cost = CostVector((1...32).map { UInt64($0) * 1_000_000 }) ?? .zero
    static let registration = DatasetRegistration(
        label: .zero, unit: .record, relation: .addOrRemove, deltaTrillionths: 10_000_000, sizeBand: 5_000,
        limits: CostVector((1...32).map { UInt64($0) * 20_000_000 }) ?? .zero, parent: nil)

    static func dataset(_ key: UInt64) -> Digest { DatasetRecord.id(owner: LedgerHarness.account(key), label: .zero) }
    static func update(_ key: UInt64, _ round: UInt32) -> CID { .of(raw: [UInt8(key), UInt8(round)]) }

    static func terms() -> JobTerms {
        let conformance = Digest.blake2b256([1])
        return JobTerms(
            purpose: "research/vision", members: members.map { LedgerHarness.account($0) }, minimumMembers: 2,
            aggregator: LedgerHarness.account(2), rounds: 2, trainer: .blake2b256([2]),
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

    // MARK: A task of the market

    private mutating func playMarket(_ isEnough: (Self) -> Bool) throws {
        let offer = OfferTerms(
            hardware: Hardware(cores: 8, memoryMebibytes: 16_384), kinds: 7, pricePerUnit: Amount(tokens: 2),
            uptimeMillionths: 990_000, place: "DE", energy: .renewable, capacity: 2,
            expiryMilliseconds: 1_702_000_000_000)
        for key in Self.auditors + Self.members { try send("market", "offer", offer, from: key, isEnough) }
        let terms = TaskTerms(
            program: .blake2b256([1]), input: .of(raw: [2]), kind: .batch,
            hardware: Hardware(cores: 4, memoryMebibytes: 8_192), units: 10, highestPricePerUnit: Amount(tokens: 3),
            replicas: 2, auditors: 3, auditorFee: Amount(tokens: 1), matchMilliseconds: 60_000,
            executeMilliseconds: 60_000, revealMilliseconds: 60_000, auditMilliseconds: 60_000, answer: nil)
        try send("market", "submit", SubmitTaskBody(terms: terms), from: 1, isEnough)
        try ledger.block()
        let providers = try record().replicas.map { key(of: $0.provider) }
        for key in providers {
            let commitment = TaskCommitment.result(
                chain: LedgerHarness.chain, task: task, provider: LedgerHarness.account(key), salt: .zero,
                result: .of(raw: [7]))
            try send("market", "commit", TaskCommitBody(task: task, commitment: commitment), from: key, isEnough)
        }
        for key in providers {
            let body = TaskRevealBody(task: task, result: .of(raw: [7]), salt: .zero)
            try send("market", "reveal", body, from: key, isEnough)
        }
        try ledger.block()
        for key in try record().verdicts.map({ key(of: $0.auditor) }).prefix(2) {
            let body = TaskVerdictBody(task: task, outcomes: [.accepted, .accepted])
            try send("market", "verdict", body, from: key, isEnough)
        }
    }

    private func record() throws -> TaskRecord {
        guard let bytes = ledger.state.store.get(MarketPaths.task(task).bytes) else {
            throw FuzzFinding("the script's task is not there")
        }
        return try TaskRecord.decode(bytes)
    }

    private func key(of account: AccountID) -> UInt64 {
        Self.senders.first { LedgerHarness.account($0) == account } ?? 0
    }
}
