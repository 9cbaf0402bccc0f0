import Training

/// What the judge said against what was true, over many seeds.
struct Tally {
    var scores: [String: [Int64]] = [:]
    var falseAlarms = 0
    var misses = 0
    var accuracies: [Double] = []

    func print() {
        for (kind, values) in scores.sorted(by: { $0.key < $1.key }) {
            let sorted = values.sorted()
            func quantile(_ part: Double) -> Int64 { sorted[Int(part * Double(sorted.count - 1))] }
            Swift.print(
                "\(kind): \(sorted.count) scores, least \(sorted[0]), 1 % \(quantile(0.01)), median \(quantile(0.5)),"
                    + " 99 % \(quantile(0.99)), largest \(sorted[sorted.count - 1])")
        }
        for threshold in stride(from: Int64(700_000), through: 950_000, by: 50_000) {
            let counts = ["honest", "flip", "noise"].map { kind in
                "\(kind) \(scores[kind, default: []].filter { $0 < threshold }.count)"
            }
            Swift.print("below \(threshold): \(counts.joined(separator: ", "))")
        }
        let sorted = accuracies.sorted()
        Swift.print(
            "false alarms \(falseAlarms), misses \(misses), accuracy least \(decimal(sorted[0])),"
                + " median \(decimal(sorted[sorted.count / 2])), best \(decimal(sorted[sorted.count - 1]))")
    }
}

/// Ten uneven sites, a drawn number of attackers, thirty rounds at epsilon 3 (delta 1e-5), members excluded by their
/// score.
struct FederationExperiment {
    static let rounds = 30
    static let clip = 4.0
    /// sqrt(rounds) noise multiplier for epsilon 3 by Rényi orders (Canonne, Kamath and Steinke 2020).
    static let noiseMultiplier = 8.20
    static let threshold: Int64 = 900_000

    let training: ByteDataset
    let holdout: Dataset
    let test: Dataset
    let architecture: DenseArchitecture

    init(training: ByteDataset, test: ByteDataset) throws(TrainingError) {
        self.training = try training.subset(Array(0..<58_000))
        holdout = try training.subset(Array(58_000..<60_000)).scaled(.fashion)
        self.test = try test.scaled(.fashion)
        architecture = try DenseArchitecture("784-64-10")
    }

    enum Conduct: String { case honest, noise, replay, flip }

    func run(seed: UInt64, _ tally: inout Tally) throws(TrainingError) {
        let begin = processSeconds()
        var generator = SeededGenerator(seed: seed, stream: 20)
        let parts = try Split.dirichlet(
            labels: training.labels, sites: 10, concentration: 0.3, leastCount: 1_000, seed: seed)
        var conduct = [Conduct](repeating: .honest, count: 10)
        var order = Array(0..<10)
        generator.shuffle(&order)
        var kinds: [Conduct] = [.noise, .replay, .flip]
        generator.shuffle(&kinds)
        for (site, kind) in zip(order, kinds.prefix(seed.isMultiple(of: 4) ? 0 : 2 + generator.below(2))) {
            conduct[site] = kind
        }
        var sites: [Dataset] = []
        for (site, places) in parts.enumerated() {
            let bytes = try training.subset(places)
            let labels = conduct[site] == .flip ? bytes.labels.map { 9 - $0 } : bytes.labels
            sites.append(try ByteDataset(width: 784, images: bytes.images, labels: labels).scaled(.fashion))
        }
        let gradient = try PrivateGradient(clip: Self.clip)
        let sensitivity = Double(gradient.sensitivityUnits(parameterCount: architecture.parameterCount))
        let deviation = (Self.noiseMultiplier * sensitivity).rounded(.up)
        let step = GlobalStep(learningRate: 0.4, momentum: 0.8)
        var model = DenseModel(architecture: architecture, seed: seed)
        var velocity: [Float] = []
        var kept: [[Int64]?] = Array(repeating: nil, count: 10)
        for _ in 0..<Self.rounds {
            let audit = try UpdateAudit(model: model, holdout: holdout, gradient: gradient)
            var included: [ReleasedUpdate] = []
            for site in sites.indices {
                var sum = [Int64](repeating: 0, count: architecture.parameterCount)
                if conduct[site] != .noise { sum = try gradient.sum(of: sites[site], at: model) }
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
            try step.apply(included, to: &model, velocity: &velocity)
        }
        let accuracy = try Evaluation(of: model, on: test).accuracy
        tally.accuracies.append(accuracy)
        let bad = conduct.enumerated().filter { $0.element != .honest }.map { "\($0.offset)=\($0.element.rawValue)" }
        print(
            "seed \(seed): accuracy \(decimal(accuracy)), attackers [\(bad.joined(separator: " "))],"
                + " sites \(sites.map(\.count)), \(decimal(processSeconds() - begin, 1)) s CPU")
    }
}
