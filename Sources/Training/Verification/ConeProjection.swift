import CKernels

/// The cone of the mean clipped gradients of each class, over a public holdout at one model.
///
/// The gradient of an honest site is a mix of its classes with weights that are not negative, however uneven the site
/// is, so it lies near this cone. Noise lies near no cone of ten directions among thousands, and records under wrong
/// labels point out of it.
public struct ClassCone: Sendable {
    /// The part of a vector that lies in the cone.
    struct Projection {
        /// L2 norm.
        var norm: Double
        /// The energy that lies outside of the cone only because classes are known from samples: of the holdout, and of
        /// the member's own records.
        var samplingEnergy: Double
    }

    /// The mean clipped gradient of each class that the holdout has.
    let directions: [[Float]]
    /// For each direction: the squared L2 distance of one record's gradient from the mean, on average; and the records.
    private let spreads: [(variance: Double, count: Int)]
    private let products: [[Double]]
    private let unitsPerOne: Double

    /// Errors: those of `PrivateGradient.sum`; `emptyClient` when the holdout has no records.
    public init(model: DenseModel, holdout: Dataset, gradient: PrivateGradient) throws(TrainingError) {
        try holdout.checkFits(model.architecture)
        var directions: [[Float]] = []
        var spreads: [(variance: Double, count: Int)] = []
        for label in 0..<UInt8(clamping: holdout.classCount) {
            let places = holdout.labels.indices.filter { holdout.labels[$0] == label }
            guard !places.isEmpty else { continue }
            let (mean, variance) = try Self.moments(of: places, in: holdout, at: model, gradient: gradient)
            guard VectorMath.norm(mean) > 0 else { continue }
            directions.append(mean)
            spreads.append((variance, places.count))
        }
        self.directions = directions
        self.spreads = spreads
        products = directions.map { left in directions.map { VectorMath.dot(left, $0) } }
        unitsPerOne = gradient.unitsPerOne
    }

    /// The mean of the records' clipped gradients, and their variance, from the means of two halves: the expected
    /// squared distance of those is the variance times (1/n + 1/m). A single record tells no variance: 0.
    private static func moments(
        of places: [Int], in holdout: Dataset, at model: DenseModel, gradient: PrivateGradient
    ) throws(TrainingError) -> (mean: [Float], variance: Double) {
        let middle = places.count / 2
        guard middle > 0 else { return (try gradient.mean(of: holdout.subset(places), at: model), 0) }
        let first = try gradient.mean(of: holdout.subset(Array(places[..<middle])), at: model)
        let second = try gradient.mean(of: holdout.subset(Array(places[middle...])), at: model)
        let share = Double(middle) / Double(places.count)
        var mean = first
        var distance = first
        for index in mean.indices {
            mean[index] = Float(share * Double(first[index]) + (1 - share) * Double(second[index]))
            distance[index] = first[index] - second[index]
        }
        let norm = VectorMath.norm(distance)
        return (mean, norm * norm * share * (1 - share) * Double(places.count))
    }

    /// The projection of `vector`, a sum of gradients in units of the grid, onto the cone: non-negative least squares
    /// by coordinate descent on the normal equations (Franc, Hlavac and Navara 2005), a fixed number of sweeps, so that
    /// it repeats bit for bit.
    func projection(of vector: [Float]) -> Projection {
        let targets = directions.map { VectorMath.dot($0, vector) }
        var weights = [Double](repeating: 0, count: directions.count)
        for _ in 0..<300 {
            for index in weights.indices {
                var inner = 0.0
                for other in weights.indices { inner += products[index][other] * weights[other] }
                weights[index] = max(0, weights[index] + (targets[index] - inner) / products[index][index])
            }
        }
        var square = 0.0
        for row in weights.indices {
            for column in weights.indices { square += weights[row] * products[row][column] * weights[column] }
        }
        // A weight is a number of records times the units of one. Each record adds its own variance; the mean's, which
        // is known from `count` records, grows with the square.
        var sampling = 0.0
        for (weight, spread) in zip(weights, spreads) {
            sampling += weight * spread.variance * (unitsPerOne + weight / Double(spread.count))
        }
        return Projection(norm: max(0, square).squareRoot(), samplingEnergy: sampling)
    }
}
