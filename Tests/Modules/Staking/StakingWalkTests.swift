import Glibc
import Ledger
import LedgerSupport
import Primitives
import Reputation
import Testing
import Tokens

@testable import Staking

/// Random operations of many holders and validators: whatever they do, no unit is made or lost, and every unit is
/// somebody's.
///
/// `VINCULUM_STAKING_OPERATIONS=1000000` for as many operations; `VINCULUM_STAKING_SEED` repeats a run.
@Suite("Staking: random walks") struct StakingWalkTests {
    private static func number(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    @Test("the books hold to the unit over random operations") func conservation() throws {
        let seed = Self.number("VINCULUM_STAKING_SEED") ?? UInt64.random(in: 0...UInt64.max)
        let operations = Self.number("VINCULUM_STAKING_OPERATIONS") ?? 100_000
        var walk = try StakingWalk(seed: seed)
        do {
            while walk.operations < operations {
                try walk.block()
                if walk.height.isMultiple(of: 64) { try StakingBooks.check(walk.state) }
            }
            try StakingBooks.check(walk.state)
        } catch {
            Issue.record("seed \(seed), block \(walk.height): \(error)")
            return
        }
        // Every action was taken, and most kinds were refused at times.
        for action in StakingModule.Action.allCases where action != .unjail {
            #expect(walk.accepted[action, default: 0] > 0, "seed \(seed): \(action) never happened")
        }
        print("staking walk: seed \(seed), \(walk.operations) operations, \(walk.height) blocks: \(walk.counts)")
    }
}

/// One chain, its actors and what they do next.
struct StakingWalk {
    private(set) var state: LedgerState
    private(set) var height: UInt64 = 0
    private(set) var operations: UInt64 = 0
    private(set) var accepted: [StakingModule.Action: Int] = [:]
    private var time: UInt64 = 1_700_000_000_000
    private var random: SeededGenerator
    /// What operators have committed themselves to last.
    private var bound: [UInt64: RevealAppraisalsBody] = [:]

    private static let operatorNumbers = Array(UInt64(10)..<30)
    private static let holders = Array(UInt64(50)..<70)
    private static let accounts = (UInt64(0)..<70).map { LedgerHarness.account($0) }
    private static let operationsPerBlock = 200

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        let parameters = StakingWorld.parameters {
            $0.levels = [Amount(tokens: 10_000), Amount(tokens: 20_000), Amount(tokens: 1_000_000)]
            $0.issuancePerYear = Amount(baseUnits: 7_777_777_777_777_777_777_777_777_777)
            $0.issuanceLimit = Amount(tokens: 1_000_000_000)
            $0.absenceProposals = 3
            $0.jailMilliseconds = 30_000
            $0.reporterShare = 33_333
            $0.equivocationSlash = 77_777
            $0.powerRule = .contribution
        }
        let founders = (UInt64(0)..<4).map { StakingWorld.founder($0, tokens: 100_000 + $0, commission: 33_333 * $0) }
        state = try LedgerState(
            rules: Rules(StakingWorld.modules), chain: LedgerHarness.chain, parameters: LedgerParameters(fees: .free),
            block: BlockInfo(height: 0, timeMilliseconds: time, beacon: .zero, proposer: Self.accounts[0]),
            sections: try StakingWorld.sections(parameters, founders))
    }

    var counts: String {
        accepted.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }

    mutating func block() throws {
        height += 1
        time += UInt64.random(in: 1...3_000, using: &random)
        let proposer = try proposer()
        var execution = state.begin(
            BlockInfo(height: height, timeMilliseconds: time, beacon: .zero, proposer: proposer))
        for _ in 0..<Self.operationsPerBlock {
            operations += 1
            try operate(&execution)
        }
        try payFees(&execution)
        try state.apply(try execution.finish().changes)
    }

    /// One of those who certify the block.
    private mutating func proposer() throws -> AccountID {
        let keys = try state.validatorSchedule()?.validators.validators.map(\.key) ?? []
        return keys.randomElement(using: &random).map { AccountID($0) } ?? Self.accounts[0]
    }

    /// What Tokens hands over of a block's fees.
    private mutating func payFees(_ execution: inout BlockExecution) throws {
        let payer = Self.accounts[Int(Self.holders.randomElement(using: &random) ?? 50)]
        let amount = Amount(baseUnits: UInt128.random(in: 0...1_000_000_007, using: &random))
        _ = try? execution.withContext(as: "staking", sender: payer) { (context) throws(Refusal) in
            try context.transfer(from: payer, to: StakingPaths.fees, amount: amount)
        }
    }

    private mutating func operate(_ execution: inout BlockExecution) throws {
        guard let (action, call, sender) = next() else { return }
        let account = Self.accounts[Int(sender)]
        do throws(Refusal) {
            try execution.withContext(as: "staking", sender: account) { (context) throws(Refusal) in
                try StakingModule().execute(ActionCall(action: action.rawValue, body: call), &context)
            }
            accepted[action, default: 0] += 1
        } catch {
            // Refusals are part of it; a state that contradicts itself is not.
            guard error.code != .stateCorrupt, error.code != .notPermitted, error.code != .malformed else {
                throw error
            }
        }
    }

    private mutating func next() -> (StakingModule.Action, [UInt8], UInt64)? {
        let holder = (Bool.random(using: &random) ? Self.holders : Self.operatorNumbers).randomElement(using: &random)
        guard let holder, let target = Self.operatorNumbers.randomElement(using: &random),
            let term = LockTerm.allCases.randomElement(using: &random),
            let other = LockTerm.allCases.randomElement(using: &random)
        else { return nil }
        let validator = Self.accounts[Int(target)]
        switch Int.random(in: 0..<1_000, using: &random) {
        case 0..<10:
            let key = Int.random(in: 0..<30, using: &random)
            return (.register, registration(key: UInt64(key), holder).encoded(), holder)
        case 10..<20:
            return (.setCommission, CommissionBody(commission: random.next() % 600_000).encoded(), holder)
        case 20..<400:
            return (
                .delegate, DelegateBody(validator: validator, amount: amount(1_000), term: term).encoded(), holder
            )
        case 400..<450: return (.relock, RelockBody(validator: validator, from: term, to: other).encoded(), holder)
        case 450..<800:
            let part = Bool.random(using: &random) ? amount(500) : nil
            return (.unbond, UnbondBody(validator: validator, term: term, amount: part).encoded(), holder)
        case 800..<900: return (.withdraw, EmptyBody().encoded(), holder)
        case 900..<990: return (.collect, EmptyBody().encoded(), holder)
        case 990..<993:
            guard let operatorNumber = Self.operatorNumbers.randomElement(using: &random) else { return nil }
            return try? appraise(operatorNumber)
        case 993..<996:
            guard let (number, body) = bound.sorted(by: { $0.key < $1.key }).randomElement(using: &random)
            else { return nil }
            return (.revealAppraisals, body.encoded(), number)
        case 996..<999: return (.unjail, EmptyBody().encoded(), holder)
        default:
            // Half of the keys keep the rules, or soon nobody is left.
            guard Int.random(in: 0..<5, using: &random) == 0, height > 1 else { return nil }
            let offence = max(1, height - min(height - 1, UInt64.random(in: 0...20, using: &random)))
            let evidence = StakingWorld.equivocation(UInt64.random(in: 15..<30, using: &random), height: offence)
            return (.report, ReportBody(evidence: evidence).encoded(), holder)
        }
    }

    private mutating func appraise(_ number: UInt64) throws -> (StakingModule.Action, [UInt8], UInt64) {
        let epoch = try state.store.get(StakingPaths.epochState.bytes).map { try EpochState.decode($0).number } ?? 0
        let subjects = Self.operatorNumbers.filter { $0 != number }.shuffled(using: &random).prefix(8)
        let body = RevealAppraisalsBody(
            salt: .blake2b256([UInt8(number)]),
            appraisals: subjects.map {
                Appraisal(
                    subject: Self.accounts[Int($0)], score: UInt64.random(in: 0...1_000_000, using: &random))
            })
        bound[number] = body
        let commitment = body.commitment(
            chain: LedgerHarness.chain, operatorAccount: Self.accounts[Int(number)], epoch: epoch)
        return (.appraise, AppraiseBody(commitment: commitment).encoded(), number)
    }

    /// Up to so many tokens, to the unit.
    private mutating func amount(_ tokens: UInt64) -> Amount {
        Amount(baseUnits: UInt128.random(in: 1...Amount(tokens: tokens).baseUnits, using: &random))
    }

    /// A key registers once ever: after a while there are no more.
    private func registration(key: UInt64, _ holder: UInt64) -> RegisterBody {
        RegisterBody(
            key: LedgerHarness.key(key), of: Self.accounts[Int(holder)], chain: LedgerHarness.chain, commission: key,
            maximumCommission: 500_000, stake: Amount(tokens: 10_000 + 1_000 * key), term: .month)
    }
}
