import Training

/// Sites of an arrangement, a drawn number of attackers, epsilon 3 (delta 1e-5) over all rounds, members excluded by
/// their score.
struct FederationExperiment {
    static let clip = 4.0
    static let threshold: Int64 = 850_000

    let arrangement: Arrangement
    let data: ExperimentData
    let architecture: DenseArchitecture

    init(_ arrangement: Arrangement, _ data: ExperimentData) throws(TrainingError) {
        self.arrangement = arrangement
        self.data = data
        architecture = try DenseArchitecture(arrangement.architecture)
    }

    /// `idle` sends exactly the noise that everyone adds and no work: the hardest to tell from a member who has nothing
    /// left to teach.
    enum Conduct: String { case honest, noise, idle, replay, flip }

    func run(seed: UInt64, _ tally: inout Tally) throws(TrainingError) {
        let begin = processSeconds()
        var generator = SeededGenerator(seed: seed, stream: 20)
        let training = data.training
        let count = arrangement.sites
        let parts =
            arrangement.isUneven
            ? try Split.dirichlet(
                labels: training.labels, sites: count, concentration: 0.3, leastCount: 1_000, seed: seed)
            : try Split.even(count: training.count, sites: count, seed: seed)
        var conduct = [Conduct](repeating: .honest, count: count)
        var order = Array(0..<count)
        generator.shuffle(&order)
        var kinds: [Conduct] = [generator.below(2) == 0 ? .noise : .idle, .replay, .flip]
        generator.shuffle(&kinds)
        let most = arrangement.attackersMost
        let attackers = seed.isMultiple(of: 4) ? 0 : most - (most > 1 ? 1 - generator.below(2) : 0)
        for (site, kind) in zip(order, kinds.prefix(attackers)) {
            conduct[site] = kind
        }
        var sites: [Dataset] = []
        for (site, places) in parts.enumerated() {
            let bytes = try training.subset(places)
            let labels = conduct[site] == .flip ? bytes.labels.map { 9 - $0 } : bytes.labels
            sites.append(
                try ByteDataset(width: bytes.width, images: bytes.images, labels: labels).scaled(arrangement.scaling))
        }
        let gradient = try PrivateGradient(clip: Self.clip)
        let sensitivity = Double(gradient.sensitivityUnits(parameterCount: architecture.parameterCount))
        let deviation = (arrangement.noiseMultiplier * sensitivity).rounded(.up)
        let step = GlobalStep(learningRate: 1.2, momentum: 0.8)
        var model = DenseModel(architecture: architecture, seed: seed)
        var velocity: [Float] = []
        var kept: [[Int64]?] = Array(repeating: nil, count: count)
        for _ in 0..<arrangement.rounds {
            let audit = try UpdateAudit(model: model, holdout: data.holdout, gradient: gradient)
            var included: [ReleasedUpdate] = []
            for site in sites.indices {
                var sum = [Int64](repeating: 0, count: architecture.parameterCount)
                if conduct[site] != .noise, conduct[site] != .idle {
                    sum = try gradient.sum(of: sites[site], at: model)
                }
                let spread = conduct[site] == .noise ? deviation * 1.1 : deviation
                for place in sum.indices { sum[place] += Int64((generator.normal() * spread).rounded()) }
                var isRepeat = false
                if conduct[site] == .replay, let old = kept[site] {
                    sum = old
                    isRepeat = true
                }
                kept[site] = sum
                let update = try ReleasedUpdate(
                    sum: sum, architecture: architecture, scaleBits: gradient.scaleBits, clip: gradient.clip,
                    recordBand: ReleasedUpdate.band(of: sites[site].count), noiseUnits: Int64(deviation))
                let score = audit.measure(update).coneScore
                let name = conduct[site] == .replay ? (isRepeat ? "replay" : "honest") : conduct[site].rawValue
                tally.scores[name, default: []].append(score)
                let isAccepted = score >= Self.threshold && !isRepeat
                if isAccepted { included.append(update) }
                let isHonest = name == "honest"
                if isHonest && !isAccepted { tally.falseAlarms += 1 }
                if !isHonest && isAccepted { tally.misses += 1 }
            }
            if !included.isEmpty { try step.apply(included, to: &model, velocity: &velocity) }
        }
        let accuracy = try Evaluation(of: model, on: data.test).accuracy
        tally.accuracies.append(accuracy)
        let bad = conduct.enumerated().filter { $0.element != .honest }.map { "\($0.offset)=\($0.element.rawValue)" }
        print(
            "seed \(seed): accuracy \(decimal(accuracy)), attackers [\(bad.joined(separator: " "))],"
                + " sites \(sites.map(\.count)), \(decimal(processSeconds() - begin, 1)) s CPU")
    }
}
