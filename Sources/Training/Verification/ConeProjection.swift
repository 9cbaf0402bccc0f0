import CKernels

/// The cone of the mean clipped gradients of each class, over a public holdout at one model.
///
/// The gradient of an honest site is a mix of its classes with weights that are not negative, however uneven the site
/// is, so it lies near this cone. Noise lies near no cone of ten directions among thousands, and records under wrong
/// labels point out of it.
public struct ClassCone: Sendable {
    /// The mean clipped gradient of each class that the holdout has.
    let directions: [[Float]]
    private let products: [[Double]]

    /// Errors: those of `PrivateGradient.sum`; `emptyClient` when the holdout has no records.
    public init(model: DenseModel, holdout: Dataset, gradient: PrivateGradient) throws(TrainingError) {
        try holdout.checkFits(model.architecture)
        var directions: [[Float]] = []
        for label in 0..<UInt8(clamping: holdout.classCount) {
            let places = holdout.labels.indices.filter { holdout.labels[$0] == label }
            guard !places.isEmpty else { continue }
            let mean = try gradient.mean(of: holdout.subset(places), at: model)
            if VectorMath.norm(mean) > 0 { directions.append(mean) }
        }
        self.directions = directions
        products = directions.map { left in directions.map { VectorMath.dot(left, $0) } }
    }

    /// The L2 norm of the projection of `vector` onto the cone: non-negative least squares by coordinate descent on the
    /// normal equations (Franc, Hlavac and Navara 2005), a fixed number of sweeps, so that it repeats bit for bit.
    public func projectionNorm(of vector: [Float]) -> Double {
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
        return max(0, square).squareRoot()
    }
}
