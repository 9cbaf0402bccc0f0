import Ledger
import LedgerSupport
import Primitives
import Reputation
import Testing
import Tokens

@testable import Staking

/// A ledger with staking. Consensus key i is the harness's key i, its operator account 10 + i; accounts 50 to 69 hold
/// tokens. A day is a second, an epoch ten, unbonding 21.
struct StakingWorld {
    var ledger: LedgerHarness
    let parameters: StakingParameters

    static let modules: [any LedgerModule] = [TokensModule(), ReputationModule(), StakingModule()]

    static func parameters(_ change: (inout StakingParameters) -> Void = { _ in }) -> StakingParameters {
        var parameters = StakingParameters()
        parameters.epochMilliseconds = 10_000
        parameters.dayMilliseconds = 1_000
        parameters.absenceProposals = 0
        change(&parameters)
        return parameters
    }

    static func founder(_ number: UInt64, tokens: UInt64, commission: UInt64 = 0) -> Founder {
        Founder(
            operatorAccount: LedgerHarness.account(10 + number), key: LedgerHarness.key(number).publicKey,
            commission: commission, maximumCommission: 500_000, stake: Amount(tokens: tokens))
    }

    static func sections(_ parameters: StakingParameters, _ founders: [Founder]) throws -> CBORMap {
        let holders = (10..<30).map { LedgerHarness.account($0) } + (50..<70).map { LedgerHarness.account($0) }
        let allocations = holders.map { Transfer(to: $0, amount: Amount(tokens: 5_000_000)) }
        return CBORMap([
            (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
            (key: "staking", value: try StakingGenesis(parameters: parameters, founders: founders).section()),
        ])
    }

    init(
        stakes: [UInt64] = [100_000, 100_000, 100_000, 100_000], commission: UInt64 = 0,
        parameters: StakingParameters = StakingWorld.parameters(), fees: FeeSchedule = .free
    ) throws {
        self.parameters = parameters
        let founders = stakes.enumerated().map {
            StakingWorld.founder(UInt64($0.offset), tokens: $0.element, commission: commission)
        }
        ledger = try LedgerHarness(
            modules: StakingWorld.modules, sections: try StakingWorld.sections(parameters, founders),
            parameters: LedgerParameters(fees: fees),
            invariant: { (state) throws(Refusal) in try StakingBooks.check(state) })
    }

    static func validator(_ number: UInt64) -> AccountID { LedgerHarness.account(10 + number) }

    /// Makes a block of one call; answers its code.
    @discardableResult
    mutating func act(
        _ action: StakingModule.Action, _ body: some CBORCodable = EmptyBody(), from number: UInt64,
        afterMilliseconds: UInt64 = 1
    ) throws -> ResultCode {
        try ledger.apply(
            "staking", ActionCall(action.rawValue, body), from: number, afterMilliseconds: afterMilliseconds
        ).code
    }

    @discardableResult
    mutating func delegate(
        _ tokens: UInt64, to number: UInt64, _ term: LockTerm = .month, from holder: UInt64
    ) throws -> ResultCode {
        let body = DelegateBody(validator: Self.validator(number), amount: Amount(tokens: tokens), term: term)
        return try act(.delegate, body, from: holder)
    }

    @discardableResult
    mutating func unbond(
        _ tokens: UInt64?, from number: UInt64, _ term: LockTerm = .month, by holder: UInt64
    ) throws -> ResultCode {
        let amount = tokens.map { Amount(tokens: $0) }
        return try act(
            .unbond, UnbondBody(validator: Self.validator(number), term: term, amount: amount), from: holder)
    }

    /// Has validators say what they think of others: committed to now, revealed in the next epoch, counted at its end.
    mutating func appraise(_ scores: [UInt64: UInt64], by appraisers: [UInt64]) throws {
        var bodies: [UInt64: RevealAppraisalsBody] = [:]
        for number in appraisers {
            let body = RevealAppraisalsBody(
                salt: .blake2b256([UInt8(number)]),
                appraisals: scores.filter { $0.key != number }.map {
                    Appraisal(subject: Self.validator($0.key), score: $0.value)
                })
            bodies[number] = body
            let commitment = body.commitment(
                chain: LedgerHarness.chain, operatorAccount: Self.validator(number), epoch: try epoch().number)
            let code = try act(.appraise, AppraiseBody(commitment: commitment), from: 10 + number)
            #expect(code == .ok)
        }
        try pass(parameters.epochMilliseconds)
        for number in appraisers {
            let code = try act(.revealAppraisals, try #require(bodies[number]), from: 10 + number)
            #expect(code == .ok)
        }
        try pass(parameters.epochMilliseconds)
    }

    func epoch() throws -> EpochState {
        try EpochState.decode(try #require(ledger.state.store.get(StakingPaths.epochState.bytes)))
    }

    /// How stake judges a validator's work.
    func standing(_ number: UInt64) throws -> UInt64 {
        try ledger.state.store.get(StakingPaths.standing(Self.validator(number)).bytes).map {
            try Standing.decode($0).score
        } ?? 0
    }

    func registration(
        _ number: UInt64, operatorNumber: UInt64, tokens: UInt64, commission: UInt64 = 0, most: UInt64 = 500_000
    ) -> RegisterBody {
        RegisterBody(
            key: LedgerHarness.key(number), of: LedgerHarness.account(operatorNumber), chain: LedgerHarness.chain,
            commission: commission, maximumCommission: most, stake: Amount(tokens: tokens), term: .month)
    }

    /// A block without transactions, later.
    mutating func pass(_ milliseconds: UInt64) throws { try ledger.block(afterMilliseconds: milliseconds) }

    func record(_ number: UInt64) throws -> ValidatorRecord {
        try ValidatorRecord.decode(
            try #require(ledger.state.store.get(StakingPaths.validator(Self.validator(number)).bytes)))
    }

    func balance(_ number: UInt64) throws -> Amount { try ledger.state.balance(of: LedgerHarness.account(number)) }

    func schedule() throws -> ValidatorSchedule { try #require(try ledger.state.validatorSchedule()) }

    /// Two commit votes of a consensus key for different blocks of a height.
    static func equivocation(_ number: UInt64, height: UInt64) -> Evidence {
        func vote(_ text: String) -> Vote {
            Vote(
                chain: LedgerHarness.chain, height: height, round: 0, step: .commit,
                headerID: .blake2b256(Array(text.utf8)))
        }
        return evidence(number, vote("one"), vote("other"))
    }

    /// A commit vote, and a prepare vote of a later round for another block without a proof.
    static func amnesia(_ number: UInt64, height: UInt64) -> Evidence {
        let first = Vote(
            chain: LedgerHarness.chain, height: height, round: 0, step: .commit, headerID: .blake2b256([1]))
        let second = Vote(
            chain: LedgerHarness.chain, height: height, round: 1, step: .prepare, headerID: .blake2b256([2]))
        return evidence(number, first, second)
    }

    static func evidence(_ number: UInt64, _ first: Vote, _ second: Vote) -> Evidence {
        let key = LedgerHarness.key(number)
        return Evidence(
            offender: key.publicKey, first: first, second: second, firstSignature: key.sign(first.message),
            secondSignature: key.sign(second.message))
    }
}

/// What must hold after every block, to the unit.
enum StakingBooks {
    static func check(_ state: LedgerState) throws(Refusal) {
        try Supply.checkConservation(state)
        do {
            try checkStakes(state)
            try checkRewards(state)
            try checkRanks(state)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.stateCorrupt, "\(error)")
        }
    }

    private static func need(_ holds: Bool, _ what: @autoclosure () -> String) throws {
        if !holds { throw Refusal(.stateCorrupt, what()) }
    }

    private static func entries<Record: CBORCodable>(
        _ folder: String, _ state: LedgerState, as type: Record.Type = Record.self
    ) throws -> [(name: [UInt8], value: Record)] {
        let prefix = Array("m/staking/\(folder)/".utf8)
        return try state.store.scan(prefix: prefix, from: [], limit: .max).map {
            (Array($0.path.dropFirst(prefix.count)), try Record.decode($0.value))
        }
    }

    static func positions(_ state: LedgerState) throws -> [(id: PositionID, value: PositionRecord)] {
        try entries("d", state, as: PositionRecord.self).map { (try #require(PositionID($0.name)), $0.value) }
    }

    static func validators(_ state: LedgerState) throws -> [(account: AccountID, value: ValidatorRecord)] {
        try entries("v", state, as: ValidatorRecord.self).map { (try AccountID(bytes: $0.name), $0.value) }
    }

    /// The account of stakes holds what is bonded and what leaves, and both are their holders' shares.
    private static func checkStakes(_ state: LedgerState) throws {
        var sum = Amount.zero
        var shares: [AccountID: UInt128] = [:]
        var own: [AccountID: UInt128] = [:]
        for position in try positions(state) {
            let (id, count) = (position.id, position.value.shares)
            shares[id.validator, default: 0] += count
            if id.holder == id.validator { own[id.validator, default: 0] += count }
            try need(position.value.shares > 0, "an empty position")
        }
        for validator in try validators(state) {
            sum = try sum.adding(validator.value.bonded.stake)
            try need(shares[validator.account, default: 0] == validator.value.bonded.shares, "shares of positions")
            try need(own[validator.account, default: 0] == validator.value.ownShares, "own shares")
        }
        var leaving: [[UInt8]: UInt128] = [:]
        for entry in try entries("w", state, as: Amount.self) {
            let bytes = Array(entry.name.dropFirst(AccountID.byteCount))
            leaving[bytes, default: 0] += entry.value.baseUnits
        }
        for bucket in try entries("b", state, as: SharePool.self) {
            sum = try sum.adding(bucket.value.stake)
            let inverted = bucket.name.dropFirst(AccountID.byteCount).map { ~$0 }
            let name = bucket.name.prefix(AccountID.byteCount) + inverted
            try need(leaving.removeValue(forKey: Array(name)) == bucket.value.shares, "shares of a bucket")
        }
        try need(leaving.isEmpty, "entries without a bucket")
        try need(try state.balance(of: StakingPaths.stakes) == sum, "the account of stakes")
    }

    /// The account of rewards holds what is owed, what is too little to divide, and what waits for the epoch's end.
    private static func checkRewards(_ state: LedgerState) throws {
        guard let bytes = state.store.get(StakingPaths.epochState.bytes) else { return }
        var sum = try EpochState.decode(bytes).undistributed
        let held = try positions(state)
        for validator in try validators(state) {
            let pool = validator.value.rewards
            sum = try sum.adding(pool.outstanding).adding(validator.value.commissionOwed)
            let own = held.filter { $0.id.validator == validator.account }
            try need(own.reduce(0) { $0 + $1.value.weight } == pool.weight, "weights of positions")
            let owed = try own.reduce(pool.pending) {
                try $0.adding(pool.earned(weight: $1.value.weight, since: $1.value.index))
            }
            try need(owed <= pool.outstanding, "more is owed than there is")
        }
        try need(try state.balance(of: StakingPaths.rewards) == sum, "the account of rewards")
        try need(try state.balance(of: StakingPaths.fees).isZero, "fees that nobody got")
    }

    /// Those who may be active stand once among the candidates, under their tokens.
    private static func checkRanks(_ state: LedgerState) throws {
        guard let bytes = state.store.get(StakingPaths.parameters.bytes) else { return }
        let parameters = try StakingParameters.decode(bytes)
        var standing: [AccountID: UInt64] = [:]
        for entry in try entries("r", state, as: PublicKey.self) {
            let account = try AccountID(bytes: entry.name.dropFirst(8))
            let tokens = UInt64.max - (UInt64(bigEndianBytes: entry.name.prefix(8)) ?? 0)
            try need(standing.updateValue(tokens, forKey: account) == nil, "a validator stands twice")
        }
        for validator in try validators(state) {
            let record = validator.value
            let may = !record.isJailed && parameters.level(of: record.ownStake) >= parameters.activeLevel
            let tokens = may ? PowerTable.tokens(record.bonded.stake) : 0
            try need(record.rank == tokens && standing[validator.account, default: 0] == tokens, "a place")
        }
    }
}
