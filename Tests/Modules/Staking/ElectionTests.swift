import Ledger
import LedgerSupport
import Primitives
import Testing

@testable import Staking

@Suite("Staking: who validates") struct ElectionTests {
    @Test("a change of stake changes the set at the end of the epoch, two blocks later") func schedule() throws {
        var world = try StakingWorld()
        let first = try world.schedule()
        #expect(first.height == 2)
        try world.act(.register, world.registration(5, operatorNumber: 20, tokens: 400_000), from: 20)
        try world.pass(1)
        #expect(try world.schedule() == first)
        try world.pass(10_000)
        let second = try world.schedule()
        #expect(second.height == world.ledger.height + 2)
        #expect(second.validators.power(of: LedgerHarness.key(5).publicKey) == 400_000_000)
        #expect(second.validators.threshold == 533_333_334)
        // Nothing changes, and nothing is written.
        try world.pass(10_000)
        #expect(try world.schedule() == second)
    }

    @Test("seats go to the largest, and nobody is left without validators") func seats() throws {
        let parameters = StakingWorld.parameters()
        let founders = (UInt64(0)..<3).map { StakingWorld.founder($0, tokens: 100_000 + $0) }
        var ledger = try LedgerHarness(
            modules: StakingWorld.modules, sections: try StakingWorld.sections(parameters, founders),
            parameters: LedgerParameters(validatorLimit: 2, fees: .free))
        let keys = try #require(try ledger.state.validatorSchedule()).validators.validators.map(\.key)
        #expect(Set(keys) == [LedgerHarness.key(1).publicKey, LedgerHarness.key(2).publicKey])
        // All are barred: the last set goes on.
        for number in UInt64(0)..<3 {
            let body = ReportBody(evidence: StakingWorld.equivocation(number, height: 1))
            #expect(try ledger.apply("staking", ActionCall("report", body), from: 60).code == .ok)
        }
        let before = try ledger.state.validatorSchedule()
        try ledger.block(afterMilliseconds: 10_000)
        #expect(try ledger.state.validatorSchedule() == before)
    }

    @Test("crash-tolerant engines get a majority for a quorum") func majority() throws {
        let world = try StakingWorld(parameters: StakingWorld.parameters { $0.quorumRule = .majority })
        #expect(try world.schedule().validators.threshold == 200_000_001)
    }

    @Test("only Staking chooses validators, and no more than the ledger has seats for") func permission() throws {
        let world = try StakingWorld()
        var execution = world.ledger.state.begin(
            BlockInfo(height: 1, timeMilliseconds: 0, beacon: .zero, proposer: world.ledger.proposer))
        let set = try world.schedule().validators
        let error = #expect(throws: Refusal.self) {
            try execution.withContext(as: "market", sender: world.ledger.proposer) { (context) throws(Refusal) in
                try context.scheduleValidators(set)
            }
        }
        #expect(error?.code == .notPermitted)
    }
}
