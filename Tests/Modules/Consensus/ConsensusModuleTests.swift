import Ledger
import LedgerSupport
import Primitives
import Reputation
import Testing
import Tokens

@testable import Consensus
@testable import Staking

/// Who may decide on a chain's engine, and what may be decided. Accounts 0 to 3 are those of the validators' keys.
@Suite("Consensus: engines are changed by those who may") struct ConsensusModuleTests {
    private static let engines = [
        AllowedEngine(engine: "one", quorum: .one), AllowedEngine(engine: "crash", quorum: .majority),
        AllowedEngine(engine: "lies", quorum: .twoThirds),
        AllowedEngine(engine: "work", quorum: .twoThirds, isByContribution: true),
    ]
    private static let validators = (UInt64(0)..<4).map {
        ValidatorSet.Validator(key: LedgerHarness.key($0).publicKey)
    }
    private static let modules: [any LedgerModule] = [
        TokensModule(), ReputationModule(), StakingModule(), ConsensusModule(),
    ]

    private static func ledger(
        operators: [UInt64] = [9], validators: [ValidatorSet.Validator] = ConsensusModuleTests.validators,
        staking: StakingParameters? = nil
    ) throws -> LedgerHarness {
        let holders = Array(0..<4) + Array(9..<14) as [UInt64]
        let allocations = holders.map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000)) }
        var sections = CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())])
        sections[ConsensusPaths.module] = try ConsensusGenesis(
            operators: operators.map { LedgerHarness.account($0) }, engines: engines, validators: validators
        ).section()
        if let staking {
            let founders = (UInt64(0)..<4).map { StakingWorld.founder($0, tokens: 100_000) }
            sections["staking"] = try StakingGenesis(parameters: staking, founders: founders).section()
        }
        return try LedgerHarness(modules: modules, sections: sections, parameters: LedgerParameters(fees: .free))
    }

    private static func swap(
        _ engine: String, at height: UInt64, leader: UInt64? = nil, _ parameters: CBORMap = CBORMap()
    ) -> ActionCall {
        ActionCall(
            "swap",
            SwapBody(
                height: height, engine: engine, parameters: parameters,
                leader: leader.map { LedgerHarness.key($0).publicKey }))
    }

    private static func code(_ receipt: Receipt) -> ConsensusCode? { ConsensusCode(rawValue: receipt.code.rawValue) }

    @Test("an operator decides alone; the validators that the engine needs come with it")
    func operators() throws {
        var ledger = try Self.ledger()
        let receipt = try ledger.apply("consensus", Self.swap("lies", at: 7), from: 9)
        #expect(receipt.code == .ok && receipt.events.map(\.kind) == ["planned"])
        let planned = try #require(try ledger.state.engineSchedule().next(after: 1))
        #expect(planned.engine == "lies" && planned.height == 7)
        #expect(planned.validators == ValidatorSet(byzantine: Self.validators))
        #expect(
            try ledger.state.validatorSchedule()
                == ValidatorSchedule(
                    height: 7, validators: try #require(planned.validators)))
        // A majority of four is three, and of crashes only.
        try ledger.apply("consensus", Self.swap("crash", at: 9), from: 9)
        #expect(try ledger.state.validatorSchedule()?.validators.threshold == 3)
        #expect(try ledger.state.engineSchedule().activations.map(\.engine) == ["crash"])
        try ledger.apply("consensus", Self.swap("one", at: 9, leader: 2), from: 9)
        #expect(
            try ledger.state.validatorSchedule()?.validators == ValidatorSet(solo: LedgerHarness.key(2).publicKey))
    }

    @Test("what does not fit is refused with its reason, and changes nothing")
    func refusals() throws {
        var ledger = try Self.ledger()
        let long = CBORMap([(key: "a", value: .text(String(repeating: "b", count: 257)))])
        let cases: [(ActionCall, UInt64, ConsensusCode)] = [
            (Self.swap("lies", at: 7), 10, .notAllowed), (Self.swap("lies", at: 7), 0, .notAllowed),
            (Self.swap("other", at: 9), 9, .engineUnknown), (Self.swap("lies", at: 5), 9, .heightOutOfRange),
            (Self.swap("lies", at: 0), 9, .heightOutOfRange), (Self.swap("lies", at: .max), 9, .heightOutOfRange),
            (Self.swap("one", at: 20), 9, .leaderInvalid), (Self.swap("one", at: 20, leader: 5), 9, .leaderInvalid),
            (Self.swap("lies", at: 20, leader: 1), 9, .leaderInvalid),
            (Self.swap("lies", at: 20, long), 9, .invalidField),
            (Self.swap("lies", at: 20, CBORMap([(key: "a", value: .array([]))])), 9, .invalidField),
            (ActionCall("cancel", CancelBody()), 9, .nothingPlanned),
        ]
        for (call, sender, code) in cases {
            let receipt = try ledger.apply("consensus", call, from: sender)
            #expect(Self.code(receipt) == code, "\(receipt.code) in place of \(code)")
        }
        #expect(try ledger.state.engineSchedule() == EngineSchedule())
        #expect(try ledger.state.validatorSchedule() == nil)
    }

    @Test("two blocks ahead is the least, and what begins in two blocks can still be replaced, in one it cannot")
    func lastMoment() throws {
        var ledger = try Self.ledger()
        #expect(try ledger.apply("consensus", Self.swap("lies", at: 3), from: 9).code == .ok)
        // Block 2: block 3 belongs to the new engine whatever happens.
        #expect(
            Self.code(try ledger.apply("consensus", ActionCall("cancel", CancelBody()), from: 9)) == .nothingPlanned)
        #expect(try ledger.state.engineSchedule().engine(at: 3)?.engine == "lies")
        #expect(try ledger.apply("consensus", Self.swap("crash", at: 5), from: 9).code == .ok)
        #expect(try ledger.state.engineSchedule().activations.map(\.engine) == ["lies", "crash"])
        try ledger.block()
        #expect(Self.code(try ledger.apply("consensus", Self.swap("crash", at: 8), from: 9)) == .unchanged)
    }

    @Test("without operators, validators with more than two thirds of the power decide, by the very same swap")
    func validatorsDecide() throws {
        var ledger = try Self.ledger(operators: [])
        let wanted = Self.swap("lies", at: 20)
        #expect(try ledger.apply("consensus", wanted, from: 0).events.map(\.kind) == ["approved"])
        // The same validator twice counts once; another swap is another matter.
        try ledger.apply("consensus", wanted, from: 0)
        try ledger.apply("consensus", Self.swap("crash", at: 20), from: 1)
        try ledger.apply("consensus", wanted, from: 2)
        #expect(try ledger.state.engineSchedule() == EngineSchedule())
        #expect(Self.code(try ledger.apply("consensus", wanted, from: 9)) == .notAllowed)
        let last = try ledger.apply("consensus", wanted, from: 1)
        #expect(last.events.map(\.kind) == ["approved", "planned"])
        #expect(try ledger.state.engineSchedule().next(after: 7)?.engine == "lies")
        // Approvals are spent: each calls it off anew.
        let off = ActionCall("cancel", CancelBody())
        for number in 0..<2 as Range<UInt64> { try ledger.apply("consensus", off, from: number) }
        #expect(try ledger.state.engineSchedule().next(after: 7)?.engine == "lies")
        #expect(try ledger.apply("consensus", off, from: 3).events.map(\.kind) == ["approved", "cancelled"])
        #expect(try ledger.state.engineSchedule().next(after: 7) == nil)
        #expect(try ledger.state.validatorSchedule() == nil)
    }

    @Test("where stake elects, engines bring no validators, and power counts as the engine wants it from its height on")
    func staked() throws {
        var ledger = try Self.ledger(operators: [], validators: [], staking: StakingWorld.parameters())
        let before = try ledger.state.validatorSchedule()
        #expect(before != nil)
        #expect(
            Self.code(try ledger.apply("consensus", Self.swap("one", at: 20, leader: 0), from: 10)) == .leaderInvalid)
        #expect(Self.code(try ledger.apply("consensus", Self.swap("one", at: 20), from: 10)) == .quorumMismatch)
        // The validators' keys are 0 to 3; their operators, accounts 10 to 13, decide.
        #expect(Self.code(try ledger.apply("consensus", Self.swap("work", at: 8), from: 0)) == .notAllowed)
        for number in 10..<13 as Range<UInt64> {
            #expect(try ledger.apply("consensus", Self.swap("work", at: 8), from: number).code == .ok)
        }
        #expect(try ledger.state.engineSchedule().next(after: 6)?.validators == nil)
        #expect(try ledger.state.validatorSchedule() == before)
        func rule() throws -> PowerRule? {
            try ledger.state.store.get(StakingPaths.parameters.bytes).map { try StakingParameters.decode($0) }?
                .powerRule
        }
        // Block 6 decided; block 7 is the last of the engine before.
        #expect(try rule() == .stake)
        try ledger.block()
        #expect(try rule() == .contribution)
        var majority = try Self.ledger(
            operators: [10], validators: [], staking: StakingWorld.parameters { $0.quorumRule = .majority })
        #expect(
            Self.code(try majority.apply("consensus", Self.swap("lies", at: 20), from: 10)) == .quorumMismatch)
        #expect(try majority.apply("consensus", Self.swap("crash", at: 20), from: 10).code == .ok)
    }

    @Test("a genesis that nobody could keep to is refused, and without a section nothing can be decided")
    func genesis() throws {
        #expect(throws: Refusal.self) { try Self.ledger(validators: []) }
        #expect(throws: Refusal.self) { try Self.ledger(staking: StakingWorld.parameters()) }
        var ledger = try LedgerHarness(
            modules: Self.modules,
            sections: CBORMap([
                (
                    key: "tokens",
                    value: try TokensGenesis(
                        allocations: [Transfer(to: LedgerHarness.account(9), amount: Amount(tokens: 1))]
                    ).section()
                )
            ]), parameters: LedgerParameters(fees: .free))
        #expect(Self.code(try ledger.apply("consensus", Self.swap("lies", at: 9), from: 9)) == .notEnabled)
    }
}
