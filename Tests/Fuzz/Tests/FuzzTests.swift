import FuzzInterface
import FuzzTargets
import Testing

/// The targets of the fuzzer without the fuzzer: seeds, and seeds with a few bytes changed. One at a time: the ledger's
/// places are shared.
@Suite(.serialized) struct FuzzTests {
    static let groups = FuzzGroups.all + [InterfaceFuzzing.group]

    @Test(arguments: groups.indices) func seedsAreReal(group index: Int) throws {
        let group = Self.groups[index]
        let corpus = try group.corpus()
        for target in group.targets {
            let count = corpus.count { group.target(of: $0.input)?.name == target.name }
            #expect(count > 0, "\(group.name), \(target.name): no seed")
        }
        for (name, input) in corpus {
            do throws(FuzzFinding) { try group.run(input) } catch { Issue.record("seed \(name): \(error)") }
        }
    }

    @Test(arguments: groups.indices) func changedSeedsFindNothing(group index: Int) throws {
        let group = Self.groups[index]
        let seed = UInt64.random(in: 0 ... .max)
        let count = group.name == "interface" ? 60 : group.name == "ledger" ? 400 : 2_000
        let findings = try FuzzGroups.findings(in: group, seed: seed, count: count)
        #expect(findings.isEmpty, "seed \(seed): \(findings)")
    }

    /// A parser that forgets a rule is found.
    @Test func aForgottenCheckIsFound() throws {
        let careless = FuzzGroup(
            "careless", "reads a length and believes it",
            targets: [
                FuzzTarget("length", seeds: { [[3, 1, 2, 3]] }) { bytes throws(FuzzFinding) in
                    guard let length = bytes.first else { return }
                    if Int(length) > bytes.count - 1 { throw FuzzFinding("reads behind the end") }
                }
            ])
        #expect(try !FuzzGroups.findings(in: careless, seed: 1, count: 200).isEmpty)
        #expect(throws: FuzzFinding.self) { try careless.run([0, 9]) }
    }

    @Test func everyActionOfEveryModuleHasASeed() throws {
        #expect(try LedgerPlaces.actionsWithoutSeed() == [])
    }

    @Test func groupsAreNamedOnce() {
        #expect(Set(Self.groups.map(\.name)).count == Self.groups.count)
    }
}
