import Training

/// What the judge is tried on: who has which data, and how long they train.
struct Arrangement {
    let name: String
    let sites: Int
    let rounds: Int
    let architecture: String
    /// Records of each site come from a Dirichlet distribution with concentration 0.3; even when false.
    let isUneven: Bool
    let scaling: InputScaling
    /// The most attackers in a seed. Each fourth seed has none.
    let attackersMost: Int

    /// sqrt(rounds) times the noise multiplier for epsilon 3, delta 1e-5, of one release (Rényi orders; Canonne,
    /// Kamath and Steinke 2020).
    var noiseMultiplier: Double { Double(rounds).squareRoot() * 1.497 }

    /// The reference federation, as in the demo.
    static let uneven = Arrangement(
        name: "uneven", sites: 10, rounds: 30, architecture: "784-64-10", isUneven: true, scaling: .fashion,
        attackersMost: 3)
    /// Every site has a tenth of each class: what is left of the gradient after the classes cancel is small.
    static let even = Arrangement(
        name: "even", sites: 10, rounds: 30, architecture: "784-64-10", isUneven: false, scaling: .fashion,
        attackersMost: 3)
    /// The federation of the tutorial: little data, few rounds, much noise.
    static let digits = Arrangement(
        name: "digits", sites: 3, rounds: 3, architecture: "64-32-10", isUneven: false,
        scaling: InputScaling(factor: 0.125, offset: -0.5), attackersMost: 1)

    static let all = [uneven, even, digits]
}

/// Records of all sites, the public holdout, and the test set of an arrangement.
struct ExperimentData {
    let training: ByteDataset
    let holdout: Dataset
    let test: Dataset

    init(fashion arrangement: Arrangement) throws(TrainingError) {
        let (training, test) = try PublicDataSets.fashion()
        self.training = try training.subset(Array(0..<58_000))
        holdout = try training.subset(Array(58_000..<60_000)).scaled(arrangement.scaling)
        self.test = try test.scaled(arrangement.scaling)
    }

    init(digits file: String, _ arrangement: Arrangement) throws(TrainingError) {
        let all = try ByteDataset(file: Safetensors.read(file))
        training = try all.subset(Array(200..<all.count))
        holdout = try all.subset(Array(0..<200)).scaled(arrangement.scaling)
        test = holdout
    }
}
