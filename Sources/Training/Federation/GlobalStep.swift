import CKernels

/// The aggregator's step: integer sums of the included members, over the sum of their public size bands, through
/// momentum into the model. Anyone who has the same inputs gets the same bytes.
public struct GlobalStep: Hashable, Sendable {
    public var learningRate: Float
    /// Heavy-ball momentum, 0 for none: v = momentum v + g; parameters -= learning rate v.
    public var momentum: Float

    public init(learningRate: Float, momentum: Float = 0) {
        self.learningRate = learningRate
        self.momentum = momentum
    }

    /// Applies the updates to the model and to `velocity` (empty before the first step). The order of updates does not
    /// matter. Errors: `emptyClient` without updates, `wrongShape` when they do not fit one another or the model,
    /// `overflow`, `badParameter`; `notFinite` when the step diverges. After an error nothing has changed.
    public func apply(
        _ updates: [ReleasedUpdate], to model: inout DenseModel, velocity: inout [Float]
    ) throws(TrainingError) {
        guard let first = updates.first else {
            throw TrainingError(.emptyClient, "no update is included", at: "global step")
        }
        guard learningRate.isFinite, learningRate > 0, momentum >= 0, momentum < 1 else {
            throw TrainingError(.badParameter, "rate \(learningRate), momentum \(momentum)", at: "global step")
        }
        var sums = [Int64](repeating: 0, count: model.parameters.count)
        var band = 0
        for update in updates {
            guard update.architecture == model.architecture, update.scaleBits == first.scaleBits else {
                throw TrainingError(.wrongShape, "updates do not fit the model or one another", at: "global step")
            }
            guard !addOverflows(update.sum, to: &sums) else {
                throw TrainingError(.overflow, "a sum does not fit 64 bits", at: "global step")
            }
            let (whole, overflow) = band.addingReportingOverflow(update.recordBand)
            guard !overflow else {
                throw TrainingError(.overflow, "the size bands do not fit 64 bits", at: "global step")
            }
            band = whole
        }
        guard velocity.isEmpty || velocity.count == sums.count else {
            throw TrainingError(.wrongShape, "\(velocity.count) numbers of momentum", at: "global step")
        }
        let factor = 1 / (Double(1 << first.scaleBits) * Double(band))
        var step = VectorMath.float(sums, factor: factor)
        if !velocity.isEmpty { vin_axpy(step.count, momentum, velocity, &step) }
        var parameters = model.parameters
        vin_axpy(step.count, -learningRate, step, &parameters)
        guard VectorMath.notFiniteCount(step) == 0 else {
            throw TrainingError(.notFinite, "the step diverged", at: "global step")
        }
        model = try DenseModel(architecture: model.architecture, parameters: parameters)
        velocity = step
    }

    private func addOverflows(_ values: [Int64], to sums: inout [Int64]) -> Bool {
        var overflowed = false
        for index in sums.indices {
            let (sum, overflow) = sums[index].addingReportingOverflow(values[index])
            sums[index] = sum
            overflowed = overflowed || overflow
        }
        return overflowed
    }
}
