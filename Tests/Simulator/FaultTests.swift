import Simulator
import Testing

@Suite struct FaultListTests {
    @Test func listsAreReadAndWritten() throws {
        #expect(try Fault.list("all") == Set(Fault.allCases))
        #expect(try Fault.list("none").isEmpty)
        #expect(try Fault.list("crash,loss,crash") == [.loss, .crash])
        #expect(Fault.text([.crash, .loss]) == "loss,crash")
        for fault in Fault.allCases {
            #expect(try Fault.list(Fault.text([fault])) == [fault])
            #expect(!fault.meaning.isEmpty)
        }
    }

    @Test(arguments: ["", "loss,", "thunder", "loss,thunder", "ALL", "all,loss"]) func unknownNames(text: String) {
        let error = #expect(throws: UnknownFault.self) { try Fault.list(text) }
        // The names that there are come along.
        #expect(error?.description.contains("asymmetric-partition") == true)
    }

    @Test func seedRanges() {
        #expect(SeedRange("17")?.seeds == 17...17)
        #expect(SeedRange("1..2000")?.seeds == 1...2000)
        for text in ["", "..", "1..", "..2", "2..1", "1...3", "1.2", "a..b", "-1..2", "1..9999999999"] {
            #expect(SeedRange(text) == nil, "\(text)")
        }
    }
}

@Suite struct PlanTests {
    @Test("fewer than a third of every height's power is unreliable, and changes move more than a third")
    func budgets() {
        for seed in 1...400 as ClosedRange<UInt64> {
            let plan = NetworkPlan.drawn(
                seed: seed, validators: 4 + Int(seed % 5), faults: Set(Fault.allCases), heights: 60)
            let unreliable = plan.lyingDisks.union(plan.damagedDisks).union(plan.jumpingClocks)
                .union(plan.treacherous.keys)
            var earlier = plan.powers
            for powers in [plan.powers] + plan.changes.map(\.powers) {
                let total = powers.reduce(0, +)
                let lost = unreliable.reduce(0) { $0 + powers[$1] }
                if !plan.expectsForks { #expect(lost * 3 < total, "seed \(seed)") }
                #expect(powers.filter { $0 > 0 }.count == 4 + Int(seed % 5), "seed \(seed)")
                if powers != earlier {
                    let left = zip(earlier, powers).filter { $0 > 0 && $1 == 0 }.reduce(0) { $0 + $1.0 }
                    #expect(left * 3 > earlier.reduce(0, +), "seed \(seed)")
                }
                earlier = powers
            }
        }
    }

    @Test("a plan follows from its seed") func plansRepeat() {
        for seed in 1...20 as ClosedRange<UInt64> {
            let plans = (0..<2).map { _ in
                NetworkPlan.drawn(seed: seed, validators: 5, faults: Set(Fault.allCases), heights: 40)
            }
            #expect("\(plans[0])".count == "\(plans[1])".count)
            #expect(plans[0].treacherous == plans[1].treacherous && plans[0].changes == plans[1].changes)
        }
    }
}
