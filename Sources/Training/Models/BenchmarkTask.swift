/// Public records drawn from a seed, for tasks whose answers anyone can recompute to calibrate a machine.
public enum BenchmarkTask {
    /// Each class is a drawn pattern under drawn noise. Errors: `badParameter`.
    public static func data(
        for architecture: DenseArchitecture, count: Int, seed: UInt64
    ) throws(TrainingError) -> Dataset {
        guard (1...1_000_000).contains(count), count * architecture.inputCount <= 1 << 28 else {
            throw TrainingError(.badParameter, "\(count) records", at: "benchmark")
        }
        var generator = SeededGenerator(seed: seed, stream: 5)
        let width = architecture.inputCount
        let patterns = (0..<architecture.classCount * width).map { _ in UInt8(generator.next() >> 57) }
        var bytes = [UInt8](repeating: 0, count: count * width)
        var labels = [UInt8](repeating: 0, count: count)
        for record in 0..<count {
            let label = generator.below(architecture.classCount)
            labels[record] = UInt8(label)
            for place in 0..<width {
                bytes[record * width + place] = patterns[label * width + place] &+ UInt8(generator.next() >> 57)
            }
        }
        return try Dataset(
            width: width, classCount: architecture.classCount, bytes: bytes, labels: labels, scaling: .unit)
    }

    /// The model that a benchmark ends with: equal to the bit on every machine.
    public static func answer(
        architecture: DenseArchitecture, records: Int, seed: UInt64, learningRate: Float = 0.05, epochs: Int = 1
    ) throws(TrainingError) -> DenseModel {
        let data = try data(for: architecture, count: records, seed: seed)
        var model = DenseModel(architecture: architecture, seed: seed)
        try LocalTraining(learningRate: learningRate, epochs: epochs, seed: seed).run(&model, on: data)
        return model
    }
}
