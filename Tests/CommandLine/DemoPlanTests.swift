import Testing

@testable import vinculum

/// What the seed of a demo decides.
@Suite struct DemoPlanTests {
    private func plan(_ seed: UInt64, sites: Int = 10) throws -> DemoPlan {
        DemoPlan(try DemoOptions(sites: sites, rounds: 30, seed: seed, attacks: ["drawn"]))
    }

    @Test func twoOrThreeOfTenCheatInEveryWayThereIs() throws {
        var counts: Set<Int> = []
        var kinds: Set<DemoPlan.Behaviour> = []
        var cheats: Set<String> = []
        for seed in UInt64(0)..<200 {
            let plan = try plan(seed)
            counts.insert(plan.attackers)
            for site in plan.sites where site.behaviour != .honest {
                kinds.insert(site.behaviour)
                cheats.insert(site.name)
            }
            // Whose budget runs out is no cheat: it refuses, and is not judged for it.
            let poor = plan.sites.filter { $0.roundsInBudget < 30 }
            #expect(poor.count == 1 && poor[0].behaviour == .honest, "seed \(seed)")
        }
        #expect(counts == [2, 3])
        #expect(kinds == Set(DemoPlan.Behaviour.attacks))
        #expect(cheats.count == 10)
    }

    @Test func oneSeedMakesOnePlanAndSmallRunsHaveNoDrawnCheat() throws {
        #expect(try plan(18) == plan(18))
        #expect(try plan(18).sites != plan(19).sites)
        #expect(try plan(18, sites: 3).attackers == 0)
    }
}
