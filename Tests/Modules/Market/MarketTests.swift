import Ledger
import LedgerSupport
import Market
import Primitives
import Reputation
import Testing
import Tokens

/// A market with a requester (1) and providers (from 11), and the steps of a task one by one.
struct MarketWorld {
    var ledger: LedgerHarness
    var task = Digest.zero
    var offers: [UInt64: Digest] = [:]
    var events: [Event] = []

    init(providers: Int = 5) throws {
        let keys = [1, 99] + (0..<UInt64(providers)).map { 11 + $0 }
        let section = try TokensGenesis(
            allocations: keys.map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 10_000)) }
        ).section()
        ledger = try LedgerHarness(
            modules: [TokensModule(), ReputationModule(), MarketModule()],
            sections: CBORMap([(key: "tokens", value: section)]), parameters: LedgerParameters(fees: .free),
            invariant: Supply.checkConservation)
        for key in keys.dropFirst(2) { try offer(key) }
    }

    static func terms(price: UInt64 = 2) -> OfferTerms {
        OfferTerms(
            hardware: Hardware(cores: 8, memoryMebibytes: 16_384), kinds: 7, pricePerUnit: Amount(tokens: price),
            uptimeMillionths: 990_000, place: "DE", energy: .renewable, capacity: 2,
            expiryMilliseconds: 1_702_000_000_000)
    }

    static func task(_ kind: TaskKind = .batch, replicas: UInt32 = 2, answer: Digest? = nil) -> TaskTerms {
        TaskTerms(
            program: .blake2b256([1]), input: .of(raw: [2]), kind: kind,
            hardware: Hardware(cores: 4, memoryMebibytes: 8_192), units: 10, highestPricePerUnit: Amount(tokens: 3),
            replicas: replicas, auditors: 3, auditorFee: Amount(tokens: 1), matchMilliseconds: 60_000,
            executeMilliseconds: 60_000, revealMilliseconds: 60_000, auditMilliseconds: 60_000, answer: answer)
    }

    @discardableResult
    mutating func send(
        _ action: String, _ body: some CBORCodable, from key: UInt64, after milliseconds: UInt64 = 1_000
    ) throws -> ResultCode {
        let transaction = try ledger.call("market", ActionCall(action, body), from: key)
        let receipts = try ledger.block([transaction], afterMilliseconds: milliseconds)
        events += receipts.flatMap(\.events)
        let code = try #require(receipts.first).code
        if action == "submit", code == .ok { task = transaction.id }
        if action == "offer", code == .ok { offers[key] = transaction.id }
        return code
    }

    mutating func offer(_ key: UInt64, _ change: (inout OfferTerms) -> Void = { _ in }) throws {
        var terms = MarketWorld.terms()
        change(&terms)
        #expect(try send("offer", terms, from: key) == .ok)
    }

    mutating func submit(_ terms: TaskTerms) throws {
        #expect(try send("submit", SubmitTaskBody(terms: terms), from: 1) == .ok)
        events += try ledger.block().flatMap(\.events)
    }

    func record() throws -> TaskRecord {
        try TaskRecord.decode(try #require(ledger.state.store.get(MarketPaths.task(task).bytes)))
    }

    func key(of account: AccountID) -> UInt64 {
        (UInt64(1)..<100).first { LedgerHarness.account($0) == account } ?? 0
    }

    func providers() throws -> [UInt64] {
        try record().replicas.filter { $0.outcome == .open }.map { key(of: $0.provider) }
    }
    func auditors() throws -> [UInt64] { try record().verdicts.map { key(of: $0.auditor) } }
    func balance(_ key: UInt64) throws -> Amount { try ledger.state.balance(of: LedgerHarness.account(key)) }

    /// As the requester does on a quiet chain.
    mutating func push() throws -> ResultCode { try send("advance", TaskBody(task: task), from: 1) }

    mutating func commit(_ key: UInt64, _ result: UInt8 = 7) throws {
        let commitment = TaskCommitment.result(
            chain: LedgerHarness.chain, task: task, provider: LedgerHarness.account(key), salt: .zero,
            result: .of(raw: [result]))
        #expect(try send("commit", TaskCommitBody(task: task, commitment: commitment), from: key) == .ok)
    }

    mutating func reveal(_ key: UInt64, _ result: UInt8 = 7) throws {
        #expect(
            try send("reveal", TaskRevealBody(task: task, result: .of(raw: [result]), salt: .zero), from: key) == .ok)
    }

    mutating func compute(_ results: [UInt8]) throws {
        let providers = try providers()
        for (key, result) in zip(providers, results) { try commit(key, result) }
        for (key, result) in zip(providers, results) { try reveal(key, result) }
    }
}

@Suite("The compute market") struct MarketTests {
    @Test("newcomers are audited, paid when auditors agree, and the rest goes back") func auditedTask() throws {
        var world = try MarketWorld()
        let before = try world.balance(1)
        try world.submit(MarketWorld.task())
        #expect(try world.record().status == .executing)
        let providers = try world.providers()
        #expect(Set(providers).count == 2)
        try world.compute([7, 7])
        #expect(try world.record().status == .judging && world.record().isAudited)
        let auditors = try world.auditors()
        #expect(auditors.count == 3 && Set(auditors).isDisjoint(with: providers))
        for key in auditors {
            try world.send("verdict", TaskVerdictBody(task: world.task, outcomes: [.accepted, .accepted]), from: key)
        }
        let record = try world.record()
        #expect(record.status == .done)
        // Two replicas of ten units at two tokens, two auditors who decided; the third comes too late.
        #expect(record.paid == Amount(tokens: 42))
        #expect(record.paid.baseUnits + record.refunded.baseUnits == (try MarketWorld.task().escrow()).baseUnits)
        #expect(try world.balance(1).baseUnits == before.baseUnits - Amount(tokens: 42).baseUnits)
    }

    @Test("a wrong result among right ones is found by auditors and not paid") func wrongResult() throws {
        var world = try MarketWorld(providers: 6)
        try world.submit(MarketWorld.task(replicas: 3))
        let cheat = try world.providers()[1]
        let before = try world.balance(cheat)
        try world.compute([7, 8, 7])
        let said: [ReplicaOutcome] = [.accepted, .rejected, .accepted]
        for key in try world.auditors().prefix(2) {
            try world.send("verdict", TaskVerdictBody(task: world.task, outcomes: said), from: key)
        }
        #expect(try world.record().replicas.map(\.outcome) == said)
        #expect(try world.balance(cheat) == before)
    }

    @Test("on a quiet chain anybody makes the block that matches, but not over and over") func quietChain() throws {
        var world = try MarketWorld(providers: 3)
        let task = SubmitTaskBody(terms: MarketWorld.task(replicas: 2))
        #expect(try world.send("submit", task, from: 1) == .ok)
        #expect(try world.record().status == .matching)
        #expect(try world.push() == .ok)
        #expect(try world.record().status == .executing)
        #expect(try world.push() == MarketCode.tooEarly.code)

        let large = SubmitTaskBody(terms: MarketWorld.task(replicas: 9))
        #expect(try world.send("submit", large, from: 1) == .ok)
        #expect(try world.push() == .ok)
        #expect(try world.record().mismatches.map(\.reason) == [.tooFewProviders])
        #expect(try world.push() == MarketCode.tooEarly.code)
    }

    @Test("a benchmark is compared with the answer that was committed before") func benchmark() throws {
        var world = try MarketWorld()
        let answer = TaskCommitment.answer(
            chain: LedgerHarness.chain, requester: LedgerHarness.account(1), salt: .zero, result: .of(raw: [7]))
        try world.submit(MarketWorld.task(.benchmark, answer: answer))
        try world.compute([7, 9])
        let wrong = AnswerBody(task: world.task, result: .of(raw: [9]), salt: .zero)
        #expect(try world.send("answer", wrong, from: 1) == MarketCode.answerMismatch.code)
        let right = AnswerBody(task: world.task, result: .of(raw: [7]), salt: .zero)
        #expect(try world.send("answer", right, from: 99) == MarketCode.notOwner.code)
        #expect(try world.send("answer", right, from: 1) == .ok)
        #expect(try world.record().replicas.map(\.outcome) == [.accepted, .rejected])
        #expect(try world.record().paid == Amount(tokens: 20))
    }

    @Test("a requester that hides the answer pays all") func hiddenAnswer() throws {
        var world = try MarketWorld()
        try world.submit(MarketWorld.task(.benchmark, answer: .zero))
        try world.compute([7, 9])
        #expect(try world.send("advance", TaskBody(task: world.task), from: 99, after: 61_000) == .ok)
        #expect(try world.record().paid == Amount(tokens: 40))
    }

    @Test("a task that nothing fits says how many offers failed for which reason") func unmatched() throws {
        var world = try MarketWorld(providers: 2)
        try world.offer(99) { $0.pricePerUnit = Amount(tokens: 5) }
        var terms = MarketWorld.task()
        terms.place = "FR"
        try world.submit(terms)
        let record = try world.record()
        #expect(record.status == .matching)
        #expect(record.mismatches.map(\.reason) == [.priceAboveLimit, .placeDiffers])
        #expect(record.mismatches.map(\.offers) == [1, 2])
        #expect(world.events.contains { $0.kind == MarketEvent.taskUnmatched.rawValue })
        // An offer that comes later is found.
        try world.offer(11) { $0.place = "FR" }
        try world.offer(12) { $0.place = "FR" }
        _ = try world.ledger.block()
        #expect(try world.record().status == .executing)
    }

    @Test("each reason for a mismatch is found", arguments: MatchReason.allCases) func mismatch(_ reason: MatchReason)
        throws
    {
        var terms = MarketWorld.terms()
        var task = MarketWorld.task()
        var (score, now) = (Int64(0), UInt64(1_700_000_000_000))
        var requester = LedgerHarness.account(1)
        switch reason {
        case .expired: now = 1_900_000_000_000
        case .kindNotOffered: terms.kinds = 1
        case .priceAboveLimit: terms.pricePerUnit = Amount(tokens: 4)
        case .tooFewCores: task.hardware.cores = 9
        case .tooLittleMemory: task.hardware.memoryMebibytes = 99_999
        case .tooFewAccelerators: task.hardware.accelerators = 1
        case .tooLittleAcceleratorMemory: task.hardware.acceleratorMemoryMebibytes = 1
        case .tooLittleDisk: task.hardware.diskGibibytes = 1
        case .uptimeTooLow: task.leastUptimeMillionths = 999_000
        case .placeDiffers: task.place = "FR"
        case .noCapacity: terms.capacity = 0
        case .reputationTooLow: score = -300_000
        case .ownTask: requester = LedgerHarness.account(11)
        case .providerTaken, .tooFewProviders: return
        }
        var encoder = CBOREncoder()
        encoder.array(count: 3)
        encoder.value(LedgerHarness.account(11))
        encoder.value(terms)
        encoder.unsigned(UInt32(0))
        let offer = try OfferRecord.decode(encoder.finish())
        #expect(offer.mismatch(with: task, requester: requester, score: score, at: now) == reason)
    }

    @Test("a provider that is silent is replaced, and the work goes on") func reassignment() throws {
        var world = try MarketWorld()
        try world.submit(MarketWorld.task())
        let providers = try world.providers()
        try world.commit(providers[0])
        #expect(try world.send("advance", TaskBody(task: world.task), from: 99, after: 61_000) == .ok)
        _ = try world.ledger.block()
        let record = try world.record()
        #expect(record.status == .executing && record.replicas.count == 3)
        #expect(record.replicas[1].outcome == .lost)
        let replacement = try #require(try world.providers().last)
        #expect(!providers.contains(replacement))
        try world.commit(replacement)
        for key in try world.providers() { try world.reveal(key) }
        #expect(try world.send("advance", TaskBody(task: world.task), from: 99, after: 61_000) == .ok)
        #expect(try world.record().paid == Amount(tokens: 40))
    }

    @Test("if all are lost the escrow goes back") func allLost() throws {
        var world = try MarketWorld(providers: 2)
        let before = try world.balance(1)
        try world.submit(MarketWorld.task())
        for _ in 0..<3 { try world.send("advance", TaskBody(task: world.task), from: 99, after: 61_000) }
        #expect(try world.record().status == .cancelled)
        #expect(try world.balance(1) == before)
    }

    @Test("results that all differ and that nobody judges are not paid") func undecided() throws {
        var world = try MarketWorld(providers: 2)
        try world.submit(MarketWorld.task())
        try world.compute([1, 2])
        #expect(try world.record().replicas.map(\.outcome) == [.undecided, .undecided])
        #expect(try world.record().paid.isZero)
    }

    @Test("every code is given for what it says") func codes() throws {
        var world = try MarketWorld()
        var provoked: Set<MarketCode> = []
        func expect(
            _ code: MarketCode, _ action: String, _ body: some CBORCodable, from key: UInt64 = 1
        ) throws {
            #expect(try world.send(action, body, from: key) == code.code, "\(code)")
            provoked.insert(code)
        }
        var terms = MarketWorld.task()
        terms.replicas = 0
        try expect(.invalidField, "submit", SubmitTaskBody(terms: terms))
        terms = MarketWorld.task()
        terms.highestPricePerUnit = .maximum
        try expect(.amountOverflow, "submit", SubmitTaskBody(terms: terms))
        try expect(.offerUnknown, "withdraw_offer", WithdrawOfferBody(offer: .zero))
        try expect(.taskUnknown, "advance", TaskBody(task: .zero))
        try world.submit(MarketWorld.task())
        let provider = try world.providers()[0]
        try expect(.notOwner, "cancel", TaskBody(task: world.task), from: 99)
        try expect(.wrongStatus, "cancel", TaskBody(task: world.task))
        try expect(.tooEarly, "advance", TaskBody(task: world.task))
        try expect(.notAssigned, "commit", TaskCommitBody(task: world.task, commitment: .zero), from: 99)
        try expect(
            .offerBusy, "withdraw_offer", WithdrawOfferBody(offer: world.offers[provider] ?? .zero), from: provider)
        try world.commit(provider)
        try expect(.alreadyAnswered, "commit", TaskCommitBody(task: world.task, commitment: .zero), from: provider)
        try world.commit(try world.providers()[1])
        _ = try world.ledger.block()
        try expect(
            .commitmentMismatch, "reveal", TaskRevealBody(task: world.task, result: .of(raw: [8]), salt: .zero),
            from: provider)
        for key in try world.providers() { try world.reveal(key) }
        try expect(
            .notAuditor, "verdict", TaskVerdictBody(task: world.task, outcomes: [.accepted, .accepted]), from: 99)
        try expect(
            .incompleteVerdict, "verdict", TaskVerdictBody(task: world.task, outcomes: [.accepted]),
            from: try world.auditors()[0])
        try expect(.answerMismatch, "answer", AnswerBody(task: world.task, result: .of(raw: []), salt: .zero))
        for _ in 1..<MarketModule.maximumOffersOfProvider { try world.offer(provider) }
        try expect(.tooManyOffers, "offer", MarketWorld.terms(), from: provider)
        // Three wrong benchmarks bar a provider.
        world = try MarketWorld(providers: 1)
        let answer = TaskCommitment.answer(
            chain: LedgerHarness.chain, requester: LedgerHarness.account(1), salt: .zero, result: .of(raw: [7]))
        for _ in 0..<3 {
            try world.submit(MarketWorld.task(.benchmark, replicas: 1, answer: answer))
            try world.compute([9])
            #expect(
                try world.send("answer", AnswerBody(task: world.task, result: .of(raw: [7]), salt: .zero), from: 1)
                    == .ok)
        }
        try expect(.barred, "offer", MarketWorld.terms(), from: 11)
        #expect(provoked == Set(MarketCode.allCases))
    }

    @Test("random tasks never lose a token, and time alone ends them", arguments: 0..<8) func walk(_: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var world = try MarketWorld(providers: Int.random(in: 2...7, using: &random))
        let terms = MarketWorld.task(replicas: UInt32.random(in: 1...3, using: &random))
        try world.submit(terms)
        for _ in 0..<80 {
            let key = (UInt64(11)...18).randomElement(using: &random) ?? 11
            let result = UInt8.random(in: 0...9, using: &random) == 0 ? UInt8(8) : 7
            let wait: UInt64 = UInt8.random(in: 0...9, using: &random) == 0 ? 61_000 : 1_000
            let commitment = TaskCommitment.result(
                chain: LedgerHarness.chain, task: world.task, provider: LedgerHarness.account(key), salt: .zero,
                result: .of(raw: [result]))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: try world.send("advance", TaskBody(task: world.task), from: 99, after: wait)
            case 1, 2:
                try world.send(
                    "commit", TaskCommitBody(task: world.task, commitment: commitment), from: key, after: wait)
            case 3:
                try world.send(
                    "reveal", TaskRevealBody(task: world.task, result: .of(raw: [result]), salt: .zero), from: key,
                    after: wait)
            default:
                let outcomes: [ReplicaOutcome] = try world.record().replicas.map {
                    $0.outcome == .open ? .accepted : .open
                }
                try world.send("verdict", TaskVerdictBody(task: world.task, outcomes: outcomes), from: key, after: wait)
            }
            let record = try world.record()
            let escrow = try world.ledger.state.balance(of: TaskRecord.escrow(of: world.task))
            let sum = record.paid.baseUnits + record.refunded.baseUnits + escrow.baseUnits
            #expect(sum == (try terms.escrow()).baseUnits, "seed \(seed)")
        }
        for _ in 0..<20 { try world.send("advance", TaskBody(task: world.task), from: 99, after: 61_000) }
        let record = try world.record()
        #expect(record.status == .done || record.status == .cancelled, "seed \(seed): \(record.status)")
        for entry in world.ledger.state.store.scan(prefix: Array("m/market/o/".utf8), from: [], limit: 100) {
            #expect(try OfferRecord.decode(entry.value).running == 0, "seed \(seed)")
        }
    }
}
