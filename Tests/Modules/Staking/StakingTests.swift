import Ledger
import LedgerSupport
import Primitives
import Testing

@testable import Staking

@Suite("Staking: validators, lock-ups, unbonding") struct StakingTests {
    @Test("a chain without the section has no staking, and its state holds nothing of it") func notEnabled() throws {
        var ledger = try LedgerHarness(modules: StakingWorld.modules, parameters: LedgerParameters(fees: .free))
        let before = ledger.state.store.root()
        try ledger.block(afterMilliseconds: 1_000_000_000)
        #expect(ledger.state.store.root() == before)
        for action in StakingModule.Action.allCases {
            let call = ActionCall(action.rawValue, EmptyBody())
            #expect(try ledger.apply("staking", call, from: 1).code == StakingCode.notEnabled.code)
        }
        #expect(try ledger.state.validatorSchedule() == nil)
    }

    @Test("founders' stake comes out of their balances, and makes the first set") func founders() throws {
        let world = try StakingWorld(stakes: [100_000, 200_000, 50_000])
        #expect(try world.balance(11) == Amount(tokens: 4_800_000))
        let set = try world.schedule().validators
        // The third has not the level to be active.
        #expect(set.validators.map(\.power).sorted() == [100_000_000, 200_000_000])
        #expect(set.threshold == 200_000_001)
        #expect(try world.record(2).rank == 0)
        let founders = [100_000, 200_000, 50_000].enumerated().map {
            StakingWorld.founder(UInt64($0.offset), tokens: $0.element)
        }
        #expect(StakingGenesis(parameters: world.parameters, founders: founders).validators() == set)
    }

    @Test("a genesis whose founders cannot pay, share a key or reach no level is refused", arguments: 0..<4)
    func badFounders(_ fault: Int) throws {
        var founders = [StakingWorld.founder(0, tokens: 100_000), StakingWorld.founder(1, tokens: 100_000)]
        switch fault {
        case 0: founders.append(StakingWorld.founder(2, tokens: 6_000_000))
        case 1: founders.append(StakingWorld.founder(1, tokens: 100_000))
        case 2: founders.append(StakingWorld.founder(2, tokens: 9_999))
        default: founders = [StakingWorld.founder(0, tokens: 50_000)]
        }
        let sections = try StakingWorld.sections(StakingWorld.parameters(), founders)
        #expect(throws: Refusal.self) { try LedgerHarness(modules: StakingWorld.modules, sections: sections) }
    }

    @Test("parameters that contradict themselves are refused")
    func badParameters() throws {
        let changes: [(inout StakingParameters) -> Void] = [
            { $0.levels = [Amount(tokens: 2), Amount(tokens: 1), Amount(tokens: 3)] }, { $0.levels = [] },
            { $0.activeLevel = .none }, { $0.epochMilliseconds = 0 }, { $0.dayMilliseconds = 86_400_001 },
            { $0.unbondingDays = 0 }, { $0.epochMilliseconds = 22_000 }, { $0.equivocationSlash = 1_000_001 },
            { $0.leastDelegation = .zero },
            {
                $0.quorumRule = .majority; $0.absenceProposals = 1
            },
        ]
        for (index, change) in changes.enumerated() {
            let encoded = StakingWorld.parameters(change).encoded()
            #expect(throws: CBORError.self, "change \(index)") { try StakingParameters.decode(encoded) }
        }
    }

    @Test("a validator registers with a level, its own key, and a commission that it keeps to") func registration()
        throws
    {
        var world = try StakingWorld()
        func code(_ body: RegisterBody, from number: UInt64 = 20) throws -> ResultCode {
            try world.act(.register, body, from: number)
        }
        #expect(
            try code(world.registration(5, operatorNumber: 20, tokens: 9_999)) == StakingCode.amountTooSmall.code)
        #expect(
            try code(world.registration(5, operatorNumber: 21, tokens: 10_000)) == StakingCode.keyUnproven.code)
        #expect(try code(world.registration(0, operatorNumber: 20, tokens: 10_000)) == StakingCode.keyTaken.code)
        #expect(
            try code(world.registration(5, operatorNumber: 20, tokens: 10_000, commission: 2, most: 1))
                == StakingCode.commissionTooHigh.code)
        #expect(
            try code(world.registration(5, operatorNumber: 20, tokens: 10_000, most: 1_000_001))
                == StakingCode.invalidField.code)
        #expect(try code(world.registration(5, operatorNumber: 20, tokens: 10_000)) == .ok)
        #expect(
            try code(world.registration(6, operatorNumber: 20, tokens: 10_000)) == StakingCode.alreadyRegistered.code)
        #expect(
            try world.act(.setCommission, CommissionBody(commission: 500_001), from: 20)
                == StakingCode.commissionTooHigh.code)
        #expect(try world.act(.setCommission, CommissionBody(commission: 500_000), from: 20) == .ok)
        #expect(
            try world.act(.setCommission, CommissionBody(commission: 0), from: 50)
                == StakingCode.validatorUnknown.code)
    }

    @Test("the level follows the operator's own stake, not what is delegated") func levels() throws {
        var world = try StakingWorld()
        try world.act(.register, world.registration(5, operatorNumber: 20, tokens: 10_000), from: 20)
        try world.delegate(1_000_000, to: 10, from: 50)
        func level(_ world: StakingWorld) throws -> StakeLevel {
            var execution = world.ledger.state.begin(
                BlockInfo(height: 1_000, timeMilliseconds: 0, beacon: .zero, proposer: world.ledger.proposer))
            return try execution.withContext(as: "staking", sender: world.ledger.proposer) {
                (context) throws(Refusal) in
                try StakingModule.level(of: StakingWorld.validator(10), &context)
            }
        }
        #expect(try level(world) == .entry)
        #expect(try world.record(10).rank == 0)
        try world.delegate(90_000, to: 10, from: 20)
        #expect(try level(world) == .validator)
        #expect(try world.record(10).rank == 1_100_000)
        try world.delegate(900_000, to: 10, from: 20)
        #expect(try level(world) == .supernode)
    }

    @Test("stake is locked for its term, leaves with the epoch, and is paid out after the time of unbonding")
    func unbonding() throws {
        var world = try StakingWorld()
        #expect(try world.delegate(0, to: 0, from: 50) == StakingCode.amountTooSmall.code)
        #expect(try world.delegate(1, to: 9, from: 50) == StakingCode.validatorUnknown.code)
        #expect(try world.delegate(1_000, to: 0, from: 50) == .ok)
        try world.pass(29_000)
        #expect(try world.unbond(nil, from: 0, by: 50) == StakingCode.locked.code)
        #expect(try world.unbond(nil, from: 0, .year, by: 50) == StakingCode.positionUnknown.code)
        try world.pass(1_000)
        #expect(try world.unbond(1_001, from: 0, by: 50) == .insufficientBalance)
        #expect(try world.unbond(0, from: 0, by: 50) == StakingCode.amountTooSmall.code)
        #expect(try world.unbond(400, from: 0, by: 50) == .ok)
        #expect(try world.act(.withdraw, from: 50) == StakingCode.nothingMatured.code)
        // The epoch of the request ends ten seconds after its start; 21 "days" count from there.
        try world.pass(10_000)
        try world.pass(20_998)
        #expect(try world.act(.withdraw, from: 50) == StakingCode.nothingMatured.code)
        #expect(try world.act(.withdraw, from: 50) == .ok)
        #expect(try world.balance(50) == Amount(tokens: 4_999_400))
        #expect(try world.act(.withdraw, from: 50) == StakingCode.nothingMatured.code)
        #expect(try world.unbond(nil, from: 0, by: 50) == .ok)
        try world.pass(10_000)
        try world.pass(21_000)
        #expect(try world.act(.withdraw, from: 50) == .ok)
        #expect(try world.balance(50) == Amount(tokens: 5_000_000))
    }

    @Test("a promise begins anew with more stake, and may be made longer but not shorter") func relocking() throws {
        var world = try StakingWorld()
        try world.delegate(100, to: 0, from: 50)
        try world.pass(25_000)
        try world.delegate(100, to: 0, from: 50)
        try world.pass(25_000)
        #expect(try world.unbond(nil, from: 0, by: 50) == StakingCode.locked.code)
        let validator = StakingWorld.validator(0)
        let longer = RelockBody(validator: validator, from: .month, to: .year)
        #expect(try world.act(.relock, longer, from: 50) == .ok)
        #expect(try world.act(.relock, longer, from: 50) == StakingCode.positionUnknown.code)
        let shorter = RelockBody(validator: validator, from: .year, to: .month)
        #expect(try world.act(.relock, shorter, from: 50) == StakingCode.invalidField.code)
        try world.pass(364_000)
        #expect(try world.unbond(nil, from: 0, .year, by: 50) == StakingCode.locked.code)
        try world.pass(1_000)
        #expect(try world.unbond(nil, from: 0, .year, by: 50) == .ok)
    }

    @Test("a rest below the least delegation does not stay behind") func dust() throws {
        var world = try StakingWorld()
        try world.delegate(10, to: 0, from: 50)
        try world.pass(30_000)
        let amount = try Amount("9.5")
        let body = UnbondBody(validator: StakingWorld.validator(0), term: .month, amount: amount)
        #expect(try world.act(.unbond, body, from: 50) == StakingCode.amountTooSmall.code)
        #expect(try world.unbond(9, from: 0, by: 50) == .ok)
    }
}
