import Training

/// Everything that the seed decides: who misbehaves and how, whose budget runs out, how the data is dealt. The seed
/// never feeds noise or keys.
struct DemoPlan: Codable, Hashable, Sendable {
    enum Behaviour: String, Codable, CaseIterable, Sendable {
        case honest
        /// Noise in place of work.
        case noise
        /// The same bytes sent again.
        case replay
        /// Labels flipped in the site's data.
        case flip

        static let attacks: [Behaviour] = [.noise, .replay, .flip]

        /// What `vinculum work` is told; nil where the process is honest, as with flipped labels.
        var processOption: String? {
            switch self {
            case .honest, .flip: nil
            case .noise, .replay: rawValue
            }
        }
    }

    struct Site: Codable, Hashable, Sendable {
        var name: String
        var behaviour: Behaviour
        /// The rounds that the site's budget pays for.
        var roundsInBudget: Int
    }

    var options: DemoOptions
    var sites: [Site]

    /// Streams of the seed beside those of `Training`: one for each use.
    private static let behaviourStream: UInt64 = 101
    static let sampleStream: UInt64 = 102

    init(_ options: DemoOptions) {
        self.options = options
        var generator = SeededGenerator(seed: options.seed, stream: Self.behaviourStream)
        var order = Array(1...options.sites)
        generator.shuffle(&order)
        var behaviours: [Int: Behaviour] = [:]
        switch options.attack {
        case .none: break
        case .chosen(let chosen): behaviours = chosen
        case .drawn:
            // Two or three of ten; none where they would be most of the sites.
            let count = options.sites >= 10 ? 2 + generator.below(2) : options.sites / 4
            for site in order.prefix(count) {
                behaviours[site] = Behaviour.attacks[generator.below(Behaviour.attacks.count)]
            }
        }
        let poor = order.last { behaviours[$0] == nil }
        let fewerRounds = max(1, (options.rounds * 6 + 5) / 10)
        sites = (1...options.sites).map { number in
            Site(
                name: Self.name(number), behaviour: behaviours[number] ?? .honest,
                roundsInBudget: number == poor ? fewerRounds : options.rounds)
        }
    }

    /// `site-01`, so that names sort as numbers do.
    private static func name(_ number: Int) -> String { number < 10 ? "site-0\(number)" : "site-\(number)" }

    var attackers: Int { sites.count { $0.behaviour != .honest } }
}
