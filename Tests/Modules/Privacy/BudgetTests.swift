import Ledger
import LedgerSupport
import Primitives
import Privacy
import Testing
import Tokens

@Suite("Privacy budgets") struct BudgetTests {
    static let owner: UInt64 = 1
    static let job = Digest.blake2b256([1])

    static func harness() throws -> LedgerHarness {
        try LedgerHarness(
            modules: [TokensModule(), PrivacyModule()], parameters: LedgerParameters(fees: .free),
            invariant: Supply.checkConservation)
    }

    static func vector(_ value: UInt64) -> CostVector { CostVector([UInt64](repeating: value, count: 32)) ?? .zero }

    static func registration(
        _ label: UInt8 = 1, limits: CostVector = vector(100), parent: Digest? = nil, unit: PrivacyUnit = .record
    ) -> DatasetRegistration {
        DatasetRegistration(
            label: .blake2b256([label]), unit: unit, relation: .addOrRemove, deltaTrillionths: 10_000_000,
            sizeBand: 1_000,
            maximumRecordsPerPerson: unit == .person ? 5 : 0, limits: limits, parent: parent)
    }

    static func id(_ label: UInt8 = 1) -> Digest {
        DatasetRecord.id(owner: LedgerHarness.account(owner), label: .blake2b256([label]))
    }

    static func record(_ ledger: LedgerHarness, _ label: UInt8 = 1) throws -> DatasetRecord {
        try DatasetRecord.decode(try #require(ledger.state.store.get(PrivacyPaths.dataset(id(label)).bytes)))
    }

    static func send(
        _ ledger: inout LedgerHarness, _ action: String, _ body: some CBORCodable, from key: UInt64 = owner
    ) throws -> ResultCode {
        try ledger.apply("privacy", ActionCall(action, body), from: key).code
    }

    static func spend(_ round: UInt32, _ commitment: UInt8, _ cost: UInt64 = 10, job: Digest = job) -> SpendBody {
        SpendBody(dataset: id(), job: job, round: round, commitment: .blake2b256([commitment]), cost: vector(cost))
    }

    @Test("orders are 32, ascending, and start at 1.25") func orders() {
        #expect(RenyiOrders.timesFour.count == RenyiOrders.count)
        #expect(zip(RenyiOrders.timesFour, RenyiOrders.timesFour.dropFirst()).allSatisfy { $0 < $1 })
        #expect(RenyiOrders.timesFour.first == 5 && RenyiOrders.timesFour.last == 2_048)
    }

    @Test("one order within its limit admits a cost, whatever the others say") func someOrder() throws {
        var ledger = try Self.harness()
        var limits = [UInt64](repeating: 0, count: 32)
        limits[7] = 20
        let registration = Self.registration(limits: try #require(CostVector(limits)))
        #expect(try Self.send(&ledger, "register", registration) == .ok)
        let reserve = ReserveBody(dataset: Self.id(), job: Self.job, costPerRound: Self.vector(10), rounds: 2)
        #expect(try Self.send(&ledger, "reserve", reserve) == .ok)
        let more = ReserveBody(dataset: Self.id(), job: .zero, costPerRound: Self.vector(1), rounds: 1)
        #expect(try Self.send(&ledger, "reserve", more) == PrivacyCode.budgetExceeded.code)
    }

    @Test("each update is charged once; other bytes cost again, and only as far as the limit goes") func once() throws {
        var ledger = try Self.harness()
        _ = try Self.send(&ledger, "register", Self.registration())
        let reserve = ReserveBody(dataset: Self.id(), job: Self.job, costPerRound: Self.vector(10), rounds: 3)
        #expect(try Self.send(&ledger, "reserve", reserve) == .ok)
        for _ in 0..<3 { #expect(try Self.send(&ledger, "spend", Self.spend(1, 1)) == .ok) }
        let store = ledger.state.store
        let view = try BudgetView(
            dataset: try #require(store.get(PrivacyPaths.dataset(Self.id()).bytes)),
            reservation: store.get(PrivacyPaths.reservation(dataset: Self.id(), job: Self.job).bytes))
        #expect(view.reservation?.roundsLeft == 2 && view.roundsToReserve(of: Self.vector(10), upTo: 100) == 7)
        #expect(view.admitsNextRound(Self.vector(80)) && !view.admitsNextRound(Self.vector(81)))
        #expect(try Self.record(ledger).spent == Self.vector(10))
        #expect(try Self.record(ledger).reserved == Self.vector(20))
        #expect(try Self.send(&ledger, "spend", Self.spend(1, 2)) == .ok)
        #expect(try Self.record(ledger).spent == Self.vector(20))
        #expect(try Self.record(ledger).reserved == Self.vector(20))
        // 20 spent, 20 reserved: 60 more fit, 61 do not.
        #expect(try Self.send(&ledger, "spend", Self.spend(1, 3, 61)) == PrivacyCode.budgetExceeded.code)
        #expect(try Self.send(&ledger, "spend", Self.spend(1, 3, 60)) == .ok)
        // What was reserved can still be spent at the limit.
        #expect(try Self.send(&ledger, "spend", Self.spend(2, 1)) == .ok)
        #expect(try Self.send(&ledger, "spend", Self.spend(3, 1)) == .ok)
        #expect(try Self.record(ledger).spent == Self.vector(100))
        #expect(try Self.send(&ledger, "spend", Self.spend(4, 1, 1)) == PrivacyCode.budgetExceeded.code)
    }

    @Test("release gives back unspent rounds once, and what is spent stays spent") func release() throws {
        var ledger = try Self.harness()
        _ = try Self.send(&ledger, "register", Self.registration())
        let reserve = ReserveBody(dataset: Self.id(), job: Self.job, costPerRound: Self.vector(10), rounds: 5)
        _ = try Self.send(&ledger, "reserve", reserve)
        _ = try Self.send(&ledger, "spend", Self.spend(1, 1))
        let release = ReleaseBody(dataset: Self.id(), job: Self.job)
        for _ in 0..<2 { #expect(try Self.send(&ledger, "release", release) == .ok) }
        #expect(try Self.record(ledger).spent == Self.vector(10))
        #expect(try Self.record(ledger).reserved.isZero)
    }

    @Test("a new version inherits what was spent and reserved, and takes its parent's place") func succession() throws {
        var ledger = try Self.harness()
        _ = try Self.send(&ledger, "register", Self.registration())
        let reserve = ReserveBody(dataset: Self.id(), job: Self.job, costPerRound: Self.vector(10), rounds: 3)
        _ = try Self.send(&ledger, "reserve", reserve)
        _ = try Self.send(&ledger, "spend", Self.spend(1, 1))
        #expect(try Self.send(&ledger, "register", Self.registration(2, parent: Self.id())) == .ok)
        #expect(try Self.record(ledger, 2).spent == Self.vector(30))
        #expect(try Self.record(ledger).successor == Self.id(2))
        // The running job may still spend what it reserved; nobody reserves anew, and there is one line of succession.
        #expect(try Self.send(&ledger, "spend", Self.spend(2, 1)) == .ok)
        // Nothing beyond that: the child would not know of it.
        #expect(try Self.send(&ledger, "spend", Self.spend(2, 2)) == PrivacyCode.datasetClosed.code)
        #expect(try Self.send(&ledger, "spend", Self.spend(3, 1, 11)) == PrivacyCode.datasetClosed.code)
        var other = reserve
        other.job = .zero
        #expect(try Self.send(&ledger, "reserve", other) == PrivacyCode.datasetClosed.code)
        #expect(
            try Self.send(&ledger, "register", Self.registration(3, parent: Self.id()))
                == PrivacyCode.datasetClosed.code)
    }

    @Test("every code is given for what it says") func codes() throws {
        var ledger = try Self.harness()
        var provoked: Set<PrivacyCode> = []
        func expect(_ code: PrivacyCode, _ action: String, _ body: some CBORCodable, from key: UInt64 = 1) throws {
            #expect(try Self.send(&ledger, action, body, from: key) == code.code, "\(code)")
            provoked.insert(code)
        }
        #expect(try Self.send(&ledger, "register", Self.registration()) == .ok)
        try expect(.datasetExists, "register", Self.registration())
        try expect(.datasetUnknown, "retire", RetireBody(dataset: .zero))
        try expect(.notOwner, "retire", RetireBody(dataset: Self.id()), from: 2)
        var invalid = Self.registration(9)
        invalid.maximumRecordsPerPerson = 3
        try expect(.invalidField, "register", invalid)
        try expect(
            .parentMismatch, "register", Self.registration(9, limits: Self.vector(101), parent: Self.id()))
        try expect(.parentMismatch, "register", Self.registration(9, parent: Self.id(), unit: .person))
        var reserve = ReserveBody(dataset: Self.id(), job: Self.job, costPerRound: .zero, rounds: 1)
        try expect(.invalidCost, "reserve", reserve)
        reserve.costPerRound = Self.vector(.max / 2)
        reserve.rounds = 3
        try expect(.costOverflow, "reserve", reserve)
        reserve.rounds = 1
        try expect(.budgetExceeded, "reserve", reserve)
        try expect(.reservationUnknown, "spend", Self.spend(1, 1))
        reserve.costPerRound = Self.vector(10)
        #expect(try Self.send(&ledger, "reserve", reserve) == .ok)
        try expect(.alreadyReserved, "reserve", reserve)
        try expect(.costOverflow, "spend", Self.spend(1, 1, .max).with(cost: .max - 5, after: &ledger))
        #expect(try Self.send(&ledger, "retire", RetireBody(dataset: Self.id())) == .ok)
        reserve.job = .zero
        try expect(.datasetClosed, "reserve", reserve)
        ledger = try Self.harness()
        #expect(try Self.send(&ledger, "register", Self.registration()) == .ok)
        reserve.job = Self.job
        #expect(try Self.send(&ledger, "reserve", reserve) == .ok)
        #expect(try Self.send(&ledger, "spend", Self.spend(1, 1)) == .ok)
        try expect(.spentForLess, "spend", Self.spend(1, 1, 11))
        // Given by Federation (guaranteeMismatch), or for a state that the rules exclude (nothingReserved).
        let elsewhere: Set<PrivacyCode> = [.guaranteeMismatch, .nothingReserved]
        #expect(provoked.union(elsewhere) == Set(PrivacyCode.allCases))
    }

    @Test("random owners, jobs and costs never pass a limit or charge twice", arguments: 0..<8) func walk(_: Int) throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var ledger = try Self.harness()
        _ = try Self.send(&ledger, "register", Self.registration(limits: Self.vector(1_000)))
        var spent: UInt64 = 0
        var seen: Set<[UInt8]> = []
        for _ in 0..<200 {
            let job = Digest.blake2b256([UInt8.random(in: 0..<3, using: &random)])
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                let body = ReserveBody(
                    dataset: Self.id(), job: job, costPerRound: Self.vector(.random(in: 0...20, using: &random)),
                    rounds: .random(in: 0...20, using: &random))
                _ = try Self.send(&ledger, "reserve", body)
            case 1: _ = try Self.send(&ledger, "release", ReleaseBody(dataset: Self.id(), job: job))
            default:
                let cost = UInt64.random(in: 0...30, using: &random)
                let body = Self.spend(
                    .random(in: 1...10, using: &random), .random(in: 0...2, using: &random), cost, job: job)
                let key = body.job.bytes + [UInt8(body.round)] + body.commitment.bytes
                if try Self.send(&ledger, "spend", body) == .ok, seen.insert(key).inserted { spent += cost }
            }
            let record = try Self.record(ledger)
            #expect(record.spent == Self.vector(spent), "seed \(seed)")
            #expect(try #require(record.committed).isAdmitted(by: record.limits), "seed \(seed)")
        }
    }
}

extension SpendBody {
    /// The body with a cost that only overflows once something is spent, which it spends first.
    fileprivate func with(cost: UInt64, after ledger: inout LedgerHarness) throws -> SpendBody {
        #expect(try BudgetTests.send(&ledger, "spend", BudgetTests.spend(9, 9)) == .ok)
        var body = self
        body.cost = BudgetTests.vector(cost)
        return body
    }
}
