import PluginHost
import Privacy
import Testing

@testable import Node

/// A plugin lists its guarantees in its own order: a job finds its own among them, or is refused by name.
@Suite struct GuaranteeLookupTests {
    private let list = [
        PrivacyCapability(unit: .site, relation: .replaceOne, adversary: .everyone),
        PrivacyCapability(
            unit: .record, relation: .addOrRemove, adversary: .colludingMembers, colludingMembersMax: 3),
        PrivacyCapability(unit: .record, relation: .addOrRemove, adversary: .everyone),
    ]

    private func number(
        _ unit: PrivacyUnit, _ relation: NeighbourRelation, _ adversary: Privacy.Adversary
    ) throws -> UInt32 {
        try Guarantee(
            unit: unit, relation: relation, deltaTrillionths: 1, adversary: adversary, epsilonBillionths: 1
        ).number(among: list)
    }

    @Test func theNumberIsThePluginsOwn() throws {
        #expect(try number(.record, .addOrRemove, .everyone) == 2)
        #expect(try number(.record, .addOrRemove, .colludingMembers(3)) == 1)
        #expect(try number(.record, .addOrRemove, .colludingMembers(4)) == 2)
        // Who holds against everyone holds against fewer.
        #expect(try number(.site, .replace, .everyoneButTheAggregator) == 0)
    }

    @Test(arguments: [
        (PrivacyUnit.person, NeighbourRelation.addOrRemove, "guarantee.unit"),
        (.site, .addOrRemove, "guarantee.relation"),
        (.record, .replace, "guarantee.relation"),
    ])
    func whatThePluginDoesNotGiveIsNamed(unit: PrivacyUnit, relation: NeighbourRelation, field: String) {
        let error = #expect(throws: UnusableTerms.self) { try number(unit, relation, .everyone) }
        #expect(error?.field == field)
    }

    @Test func aWeakerAdversaryIsNotEnough() {
        let weak = [PrivacyCapability(unit: .record, relation: .addOrRemove, adversary: .allButAggregator)]
        let asked = Guarantee(
            unit: .record, relation: .addOrRemove, deltaTrillionths: 1, adversary: .everyone, epsilonBillionths: 1)
        let error = #expect(throws: UnusableTerms.self) { try asked.number(among: weak) }
        #expect(error?.field == "guarantee.adversary")
    }
}
