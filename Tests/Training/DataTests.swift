import Testing

@testable import Training

@Suite("Data sets")
struct DataTests {
    @Test("are dealt so that each record goes to one site, the same for one seed", arguments: 1...10)
    func splits(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let labels = (0..<3_000).map { _ in UInt8(generator.below(10)) }
        let uneven = try Split.dirichlet(
            labels: labels, sites: 10, concentration: 0.3, leastCount: 30, seed: UInt64(seed))
        #expect(uneven.flatMap { $0 }.sorted() == Array(0..<3_000), "seed \(seed)")
        #expect(uneven.allSatisfy { $0.count >= 30 }, "seed \(seed)")
        #expect(
            try uneven
                == Split.dirichlet(labels: labels, sites: 10, concentration: 0.3, leastCount: 30, seed: UInt64(seed)))
        let even = try Split.even(count: 3_001, sites: 10, seed: UInt64(seed))
        #expect(even.flatMap { $0 }.sorted() == Array(0..<3_001), "seed \(seed)")
        #expect(Set(even.map(\.count)) == [300, 301])
    }

    @Test("in IDX come back as they were, and are refused when cut, padded or of another type")
    func idx() throws {
        let bytes = try IDX.encode(shape: [2, 3], [1, 2, 3, 4, 5, 6])
        #expect(try IDX.decode(bytes) == Tensor(shape: [2, 3], .uint8([1, 2, 3, 4, 5, 6])))
        #expect(throws: TrainingError(.truncated, "", at: "")) { try IDX.decode(bytes.dropLast()) }
        #expect(throws: TrainingError(.trailingBytes, "", at: "")) { try IDX.decode(bytes + [0]) }
        #expect(throws: TrainingError(.unsupportedType, "", at: "")) { try IDX.decode([0, 0, 13, 1, 0, 0, 0, 0]) }
        #expect(throws: TrainingError(.malformed, "", at: "")) { try Gzip.decode([1, 2, 3, 4], limit: 10) }
    }

    @Test("refuse values that are not numbers and labels out of range")
    func refusals() {
        #expect(throws: TrainingError(.notFinite, "", at: "")) {
            try Dataset(width: 1, classCount: 2, inputs: [.nan], labels: [0])
        }
        #expect(throws: TrainingError(.labelOutOfRange, "", at: "")) {
            try Dataset(width: 1, classCount: 2, inputs: [1], labels: [2])
        }
        #expect(throws: TrainingError(.wrongShape, "", at: "")) {
            try Dataset(width: 2, classCount: 2, inputs: [1], labels: [1])
        }
    }

    @Test(
        "from Debian's package have their published shape",
        .enabled(
            if: (try? PublicDataSets.idx("\(PublicDataSets.fashionFolder)/t10k-labels-idx1-ubyte")) != nil,
            "the package dataset-fashion-mnist is not installed"))
    func fashion() throws {
        let (training, test) = try PublicDataSets.fashion()
        #expect(training.count == 60_000 && test.count == 10_000 && training.width == 784)
        #expect(training.labels.filter { $0 == 3 }.count == 6_000)
    }

    @Test("that ship with the source are read, and a model learns them")
    func digits() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let (training, test) = try PublicDataSets.digits(file: "/\(root)/etc/data/digits.safetensors", seed: 1)
        #expect(training.count + test.count == 1_797 && training.width == 64)
        let scaling = InputScaling(factor: 1 / 16, offset: 0)
        var model = DenseModel(architecture: try DenseArchitecture("64-32-10"), seed: 1)
        try LocalTraining(learningRate: 0.1, epochs: 10, seed: 1).run(&model, on: training.scaled(scaling))
        #expect(try Evaluation(of: model, on: test.scaled(scaling)).accuracy > 0.9)
    }
}
