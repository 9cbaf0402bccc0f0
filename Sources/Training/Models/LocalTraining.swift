import CKernels

/// Plain stochastic gradient descent at one site.
public struct LocalTraining: Hashable, Sendable {
    public var learningRate: Float
    public var batchSize: Int
    public var epochs: Int
    /// Draws the order of records, anew for each epoch.
    public var seed: UInt64
    /// Takes the records as they are stored instead, in every epoch: for comparisons with other frameworks.
    public var keepsOrder = false

    public init(learningRate: Float, batchSize: Int = 32, epochs: Int = 1, seed: UInt64) {
        self.learningRate = learningRate
        self.batchSize = batchSize
        self.epochs = epochs
        self.seed = seed
    }

    /// Trains in place. Errors: `emptyClient`, `wrongShape`, `badParameter`; `notFinite` when training diverged, with
    /// the model as it was.
    public func run(_ model: inout DenseModel, on data: Dataset) throws(TrainingError) {
        try data.checkFits(model.architecture)
        guard learningRate.isFinite, learningRate > 0, (1...65_536).contains(batchSize), epochs >= 0 else {
            throw TrainingError(
                .badParameter, "rate \(learningRate), batch \(batchSize), \(epochs) epochs", at: "local training")
        }
        let before = model
        let pass = DensePass(architecture: model.architecture, capacity: batchSize)
        var generator = SeededGenerator(seed: seed, stream: 4)
        var order = Array(0..<data.count)
        var inputs = [Float](repeating: 0, count: batchSize * data.width)
        var labels = [UInt8](repeating: 0, count: batchSize)
        _ = model.withParameters { parameters in
            for _ in 0..<epochs {
                if !keepsOrder { generator.shuffle(&order) }
                for start in stride(from: 0, to: order.count, by: batchSize) {
                    let rows = min(batchSize, order.count - start)
                    data.gather(order[start..<start + rows], inputs: &inputs, labels: &labels)
                    pass.forward(rows: rows, inputs: inputs, parameters: parameters)
                    pass.backward(rows: rows, labels: labels, parameters: parameters)
                    pass.scale(rows: rows, by: -learningRate / Float(rows))
                    pass.sumGradients(rows: rows, inputs: inputs, into: parameters, accumulate: true)
                }
            }
        }
        guard VectorMath.notFiniteCount(model.parameters) == 0 else {
            model = before
            throw TrainingError(.notFinite, "training diverged", at: "local training")
        }
    }
}

extension Dataset {
    /// Errors: `emptyClient`, `wrongShape`.
    func checkFits(_ architecture: DenseArchitecture) throws(TrainingError) {
        guard count > 0 else { throw TrainingError(.emptyClient, "no records", at: "data set") }
        guard width == architecture.inputCount, classCount <= architecture.classCount else {
            throw TrainingError(
                .wrongShape, "records of \(width) in \(classCount) classes for \(architecture)", at: "data set")
        }
    }

    func gather(_ places: ArraySlice<Int>, inputs: inout [Float], labels: inout [UInt8]) {
        self.inputs.withUnsafeBufferPointer { source in
            inputs.withUnsafeMutableBufferPointer { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for (row, place) in places.enumerated() {
                    (to + row * width).update(from: from + place * width, count: width)
                }
            }
        }
        for (row, place) in places.enumerated() { labels[row] = self.labels[place] }
    }
}
