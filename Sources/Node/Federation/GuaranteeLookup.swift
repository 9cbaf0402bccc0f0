import PluginHost
import Privacy

extension PluginLane where Instance == PrivacyInstance {
    /// The number under which the plugin gives a guarantee. A plugin numbers its own in its own order.
    func number(of guarantee: Guarantee) async throws -> UInt32 {
        let capabilities = try await call { (plugin) throws(PluginError) in try plugin.capabilities() }
        return try guarantee.number(among: capabilities)
    }
}

extension Guarantee {
    /// The first of the plugin's guarantees with this unit and relation that holds against this adversary.
    ///
    /// - Throws: `UnusableTerms` that names what the plugin cannot give.
    func number(among capabilities: [PrivacyCapability]) throws -> UInt32 {
        func refuse(_ field: String, _ value: Any) -> UnusableTerms {
            UnusableTerms(field: "guarantee.\(field)", reason: "\(value); the privacy plugin gives no such guarantee")
        }
        let numbered = Array(capabilities.enumerated())
        let ofUnit = numbered.filter { $0.element.unit == unit.capability }
        guard !ofUnit.isEmpty else { throw refuse("unit", unit) }
        let ofRelation = ofUnit.filter { $0.element.relation == relation.capability }
        guard !ofRelation.isEmpty else { throw refuse("relation", relation) }
        guard let found = ofRelation.first(where: { $0.element.holds(against: adversary) }) else {
            throw refuse("adversary", adversary)
        }
        return UInt32(found.offset)
    }
}

extension PrivacyUnit {
    fileprivate var capability: PrivacyCapability.Unit {
        switch self {
        case .record: .record
        case .person: .person
        case .site: .site
        }
    }
}

extension NeighbourRelation {
    fileprivate var capability: PrivacyCapability.Relation {
        switch self {
        case .addOrRemove: .addOrRemove
        case .replace: .replaceOne
        }
    }
}

extension PrivacyCapability {
    /// Whether it covers an adversary: that one, or one who sees more.
    fileprivate func holds(against asked: Privacy.Adversary) -> Bool {
        let own: Privacy.Adversary =
            switch adversary {
            case .everyone: .everyone
            case .allButAggregator: .everyoneButTheAggregator
            case .colludingMembers: .colludingMembers(colludingMembersMax)
            }
        switch (own, asked) {
        case (.everyone, _), (.everyoneButTheAggregator, .everyoneButTheAggregator): return true
        case (.colludingMembers(let most), .colludingMembers(let count)): return count <= most
        default: return false
        }
    }
}
