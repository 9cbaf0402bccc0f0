/// What a demo is asked for, checked. Stored with the prepared folder, so that a resumed run is the same run.
struct DemoOptions: Codable, Hashable, Sendable {
    /// Which sites misbehave.
    enum Attack: Codable, Hashable, Sendable {
        case none
        /// The seed draws sites and kinds.
        case drawn
        /// By number, from 1.
        case chosen([Int: DemoPlan.Behaviour])
    }

    var sites: Int
    var rounds: Int
    var seed: UInt64
    var attack: Attack
    /// Nodes that decide on blocks.
    var validators = 1
    var consensus = ChainConsensus.solo

    static let siteRange = 3...20
    static let validatorRange = 1...7
    static let roundRange = 1...100

    /// A request that makes no sense, in words for the command line.
    struct Misuse: Error, CustomStringConvertible {
        let description: String
    }

    init(
        sites: Int, rounds: Int, seed: UInt64, attacks: [String], validators: Int = 1, consensus: ChainConsensus = .solo
    ) throws(Misuse) {
        guard Self.siteRange.contains(sites) else {
            throw Misuse(description: "--sites is from \(Self.siteRange.lowerBound) to \(Self.siteRange.upperBound)")
        }
        guard Self.roundRange.contains(rounds) else {
            throw Misuse(description: "--rounds is from \(Self.roundRange.lowerBound) to \(Self.roundRange.upperBound)")
        }
        guard Self.validatorRange.contains(validators) else {
            throw Misuse(
                description: "--validators is from \(Self.validatorRange.lowerBound) to "
                    + "\(Self.validatorRange.upperBound)")
        }
        guard consensus != .etcd else {
            throw Misuse(description: "the demo starts no etcd cluster: give --consensus solo, pos or poc")
        }
        guard validators == 1 || consensus != .solo else {
            throw Misuse(description: "solo has one validator: give --consensus pos or poc with --validators")
        }
        self.validators = validators
        self.consensus = consensus
        self.sites = sites
        self.rounds = rounds
        self.seed = seed
        attack = try Self.attack(attacks, sites: sites)
    }

    /// `none`, `drawn`, or any number of `SITE=KIND`, where SITE is a number or a name such as `site-03`.
    private static func attack(_ texts: [String], sites: Int) throws(Misuse) -> Attack {
        if texts.isEmpty || texts == ["drawn"] { return .drawn }
        if texts == ["none"] { return .none }
        var chosen: [Int: DemoPlan.Behaviour] = [:]
        for text in texts {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            let kinds = DemoPlan.Behaviour.attacks.map(\.rawValue).joined(separator: ", ")
            guard parts.count == 2 else {
                throw Misuse(description: "--attack is none, drawn or SITE=KIND, not \(text)")
            }
            let name = parts[0].hasPrefix("site-") ? parts[0].dropFirst(5) : parts[0]
            guard let site = Int(name), (1...sites).contains(site) else {
                throw Misuse(description: "--attack \(text): there is no site \(parts[0]); they are 1 to \(sites)")
            }
            guard let kind = DemoPlan.Behaviour(rawValue: String(parts[1])), kind != .honest else {
                throw Misuse(description: "--attack \(text): the kind is one of \(kinds)")
            }
            guard chosen[site] == nil else { throw Misuse(description: "--attack names site \(site) twice") }
            chosen[site] = kind
        }
        guard chosen.count < sites - 1 else {
            throw Misuse(description: "--attack leaves fewer than two honest sites")
        }
        return .chosen(chosen)
    }
}
