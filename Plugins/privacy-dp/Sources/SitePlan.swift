/// What a job asks of the mechanism, in integers as the interface passes them.
struct MechanismRequest: Equatable {
    var epsilonE9: UInt64
    var deltaE12: UInt64
    var noiseMultiplierE6: UInt64
    var sensitivity: UInt64
    var count: UInt64
    var gridBits: UInt32
    var rounds: UInt32
}

/// Why the plugin says no. Independent of the data, always.
enum MechanismRefusal: Error, Equatable {
    case zeroSensitivity
    case sensitivityTooLarge
    case noValues
    case gridTooFine
    case noRounds
    case deltaOutOfRange
    case epsilonOutOfRange
    case notExactlyOneTarget
    case noiseTooSmall
    case noNoiseSuffices
    case wrongCount
    case wrongGrid
    case sensitivityAbovePlan
    case sumOutOfRange
    case alreadyReleased
    case costNotAsked
    case notBegun
    case entropyIsZero
    case entropyUsedBefore
    case roundUsedBefore

    /// One sentence for the operator.
    var sentence: String {
        switch self {
        case .zeroSensitivity: "sensitivity_grid is zero: a sum that depends on nobody needs no plan"
        case .sensitivityTooLarge: "sensitivity_grid is above 2^40: choose a coarser grid"
        case .noValues: "count is zero: an empty vector cannot be released"
        case .gridTooFine: "grid_bits is above 40"
        case .noRounds: "rounds_planned is zero"
        case .deltaOutOfRange: "delta_e12 must be between 1 and 1e12 - 1"
        case .epsilonOutOfRange: "epsilon_e9 must be at most 1000 (x 1e9)"
        case .notExactlyOneTarget: "exactly one of epsilon_e9 and noise_multiplier_e6 must be given"
        case .noiseTooSmall: "the noise would be below one grid step: use a finer grid"
        case .noNoiseSuffices: "no noise up to 2^40 grid steps keeps these rounds within epsilon and delta"
        case .wrongCount: "count differs from the plan"
        case .wrongGrid: "grid_bits differs from the plan"
        case .sensitivityAbovePlan: "sensitivity_grid is above the plan's"
        case .sumOutOfRange: "a sum lies outside the range that noise can be added to without overflow (2^62)"
        case .alreadyReleased: "this round has released its sum; another needs another round and costs again"
        case .costNotAsked: "spend must be asked, and recorded, before release"
        case .notBegun: "no round has begun"
        case .entropyIsZero: "the entropy is zeros: noise would be predictable"
        case .entropyUsedBefore: "the entropy was used for another round: equal noise would cancel"
        case .roundUsedBefore: "this instance has begun this round of this job before"
        }
    }
}

/// A calibrated mechanism: the discrete Gaussian on the job's grid, and what each use of it costs.
struct SitePlan {
    static let sensitivityMax: UInt64 = 1 << 40
    static let gridBitsMax: UInt32 = 40

    let request: MechanismRequest
    let sigma: NoiseScale
    /// Of one release.
    let cost: [UInt64]
    /// Of all planned rounds at the job's delta, in 1e-9, rounded up.
    let epsilonE9: UInt64

    /// Checks the request and finds the least noise for it; pure and deterministic.
    init(_ request: MechanismRequest) throws(MechanismRefusal) {
        guard request.count > 0 else { throw .noValues }
        guard request.gridBits <= Self.gridBitsMax else { throw .gridTooFine }
        guard request.rounds > 0 else { throw .noRounds }
        guard request.sensitivity > 0 else { throw .zeroSensitivity }
        guard request.sensitivity <= Self.sensitivityMax else { throw .sensitivityTooLarge }
        guard request.deltaE12 > 0, request.deltaE12 < 1_000_000_000_000 else { throw .deltaOutOfRange }
        guard (request.epsilonE9 == 0) != (request.noiseMultiplierE6 == 0) else { throw .notExactlyOneTarget }
        let delta = Double(request.deltaE12) / 1e12
        let sigma: NoiseScale
        if request.epsilonE9 > 0 {
            guard request.epsilonE9 <= 1_000_000_000_000 else { throw .epsilonOutOfRange }
            let calibrated = RenyiAccountant.calibrate(
                epsilon: Double(request.epsilonE9) / 1e9, delta: delta, rounds: UInt64(request.rounds),
                sensitivity: request.sensitivity)
            guard let calibrated else { throw .noNoiseSuffices }
            sigma = calibrated
        } else {
            // Rounded up to whole grid steps: more noise than asked for, never less.
            let product = UInt128(request.noiseMultiplierE6) * UInt128(request.sensitivity)
            let steps = (product + 999_999) / 1_000_000
            guard steps <= 1 << 40, let asked = NoiseScale(numerator: UInt64(steps)) else { throw .noNoiseSuffices }
            guard product >= 1_000_000 else { throw .noiseTooSmall }
            sigma = asked
        }
        self.request = request
        self.sigma = sigma
        cost = RenyiAccountant.cost(sensitivity: request.sensitivity, sigma: sigma)
        let total = RenyiAccountant.composed(cost, uses: UInt64(request.rounds))
        guard let epsilon = RenyiAccountant.epsilon(spent: total, delta: delta) else { throw .noNoiseSuffices }
        epsilonE9 = epsilon
    }
}
