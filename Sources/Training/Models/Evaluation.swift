/// How well a model does on a data set.
public struct Evaluation: Hashable, Sendable {
    public let correctCount: Int
    public let count: Int
    /// Mean cross-entropy in nats, summed in the order of records.
    public let loss: Double

    public var accuracy: Double { Double(correctCount) / Double(count) }

    /// Errors: `emptyClient`, `wrongShape`.
    public init(of model: DenseModel, on data: Dataset) throws(TrainingError) {
        try data.checkFits(model.architecture)
        let block = 64
        let pass = DensePass(architecture: model.architecture, capacity: block)
        var predictions = [UInt8](repeating: 0, count: block)
        var losses = [Double](repeating: 0, count: block)
        var correct = 0
        var total = 0.0
        data.forEachBlock(of: block) { start, rows, inputs, labels in
            pass.forward(rows: rows, inputs: inputs, parameters: model.parameters)
            predictions.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress { pass.predictions(rows: rows, into: base) }
            }
            losses.withUnsafeMutableBufferPointer { buffer in
                pass.backward(rows: rows, labels: labels, parameters: model.parameters, losses: buffer.baseAddress)
            }
            for row in 0..<rows {
                if predictions[row] == labels[row] { correct += 1 }
                total += losses[row]
            }
        }
        correctCount = correct
        count = data.count
        loss = total / Double(data.count)
    }
}

extension Dataset {
    /// Calls `body` with (first record, rows, inputs, labels) for each block of records in order.
    func forEachBlock(
        of size: Int, _ body: (Int, Int, UnsafePointer<Float>, UnsafePointer<UInt8>) -> Void
    ) {
        inputs.withUnsafeBufferPointer { inputs in
            labels.withUnsafeBufferPointer { labels in
                guard let inputBase = inputs.baseAddress, let labelBase = labels.baseAddress else { return }
                for start in stride(from: 0, to: count, by: size) {
                    body(start, min(size, count - start), inputBase + start * width, labelBase + start)
                }
            }
        }
    }
}
