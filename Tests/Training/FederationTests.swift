import Primitives
import Testing

@testable import Training

@Suite("A private, verified round")
struct FederationTests {
    private let architecture: DenseArchitecture
    private let model: DenseModel
    private let data: Dataset
    private let gradient: PrivateGradient

    init() throws {
        architecture = try DenseArchitecture("20-12-4")
        model = DenseModel(architecture: architecture, seed: 5)
        data = try BenchmarkTask.data(for: architecture, count: 300, seed: 3)
        gradient = try PrivateGradient(clip: 0.5)
    }

    /// The data without a record: those after it move up, as they do in a file from which one is taken.
    private func without(_ record: Int) throws -> Dataset {
        try data.subset(data.labels.indices.filter { $0 != record })
    }

    @Test("is the same for records in any order and blocks, to the unit")
    func sumIsOfASet() throws {
        let full = try gradient.sum(of: data, at: model)
        #expect(try gradient.sum(of: data.subset(data.labels.indices.reversed()), at: model) == full)
        for cut in [1, 31, 32, 33, 150, 299] {
            let (head, tail) = (Array(0..<cut), Array(cut..<data.count))
            let parts = try [head, tail].map { try gradient.sum(of: data.subset($0), at: model) }
            #expect(zip(parts[0], parts[1]).map { $0 + $1 } == full, "cut at \(cut)")
        }
    }

    /// On both ways through the kernel: 32-bit sums, and those that need more.
    @Test("changes by no more than the stated sensitivity when any record is removed", arguments: [0, 14, 24])
    func sensitivityHoldsAnywhere(bits: Int) throws {
        let gradient = try PrivateGradient(clip: 0.5, scaleBits: bits)
        let full = try gradient.sum(of: data, at: model)
        let bound = Double(gradient.sensitivityUnits(parameterCount: architecture.parameterCount))
        for record in data.labels.indices {
            let rest = try gradient.sum(of: without(record), at: model)
            let alone = try gradient.sum(of: data.subset([record]), at: model)
            let change = zip(full, rest).map { $0 - $1 }
            #expect(change == alone, "record \(record)")
            let norm = change.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(norm <= bound, "record \(record)")
        }
    }

    @Test("is stated no larger than clipped records reach")
    func sensitivityIsNotLoose() throws {
        let full = try gradient.sum(of: data, at: model)
        let bound = Double(gradient.sensitivityUnits(parameterCount: architecture.parameterCount))
        var largest = 0.0
        for record in stride(from: 0, to: data.count, by: 7) {
            let without = try gradient.sum(of: without(record), at: model)
            let square = zip(full, without).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
            largest = max(largest, square.squareRoot())
        }
        #expect(largest <= bound)
        // The bound is not far from what clipped records reach, and a smaller clip's bound would be broken.
        let smaller = try PrivateGradient(clip: 0.4).sensitivityUnits(parameterCount: architecture.parameterCount)
        #expect(largest > Double(smaller), "largest \(largest), bound \(bound)")
    }

    @Test("sums the clipped gradients that finite differences give")
    func gradientIsRight() throws {
        let single = try data.subset([4])
        let wide = try PrivateGradient(clip: 1_000, scaleBits: 30)
        let sum = try wide.sum(of: single, at: model)
        for place in stride(from: 0, to: architecture.parameterCount, by: 29) {
            var moved = model.parameters
            let step: Float = 1e-2
            moved[place] += step
            let up = try Evaluation(of: DenseModel(architecture: architecture, parameters: moved), on: single).loss
            moved[place] -= 2 * step
            let down = try Evaluation(of: DenseModel(architecture: architecture, parameters: moved), on: single).loss
            #expect(abs((up - down) / Double(2 * step) - Double(sum[place]) / wide.unitsPerOne) < 2e-2)
        }
    }

    @Test("gives the same model in any order of members, and refuses none, strangers and overflow")
    func globalStep() throws {
        var updates: [ReleasedUpdate] = []
        for part in try Split.even(count: data.count, sites: 3, seed: 1) {
            let sum = try gradient.sum(of: data.subset(part), at: model)
            updates.append(
                try ReleasedUpdate(
                    sum: sum, architecture: architecture, scaleBits: gradient.scaleBits, clip: gradient.clip,
                    recordBand: ReleasedUpdate.band(of: part.count, step: 100)))
        }
        let step = GlobalStep(learningRate: 0.5, momentum: 0.8)
        var (one, other) = (model, model)
        var (velocityOne, velocityOther): ([Float], [Float]) = ([], [])
        try step.apply(updates, to: &one, velocity: &velocityOne)
        try step.apply(updates.reversed(), to: &other, velocity: &velocityOther)
        #expect(one == other && velocityOne == velocityOther && one != model)
        #expect(throws: TrainingError(.emptyClient, "", at: "")) {
            try step.apply([], to: &one, velocity: &velocityOne)
        }
        var huge = updates[0]
        huge.sum[0] = Int64.max
        #expect(throws: TrainingError(.overflow, "", at: "")) {
            try step.apply([huge, huge], to: &one, velocity: &velocityOne)
        }
        // A size band is a member's claim until the ledger's replaces it.
        var claiming = updates[0]
        claiming.recordBand = Int.max
        #expect(throws: TrainingError(.overflow, "", at: "")) {
            try step.apply([claiming, updates[1]], to: &one, velocity: &velocityOne)
        }
        #expect(one == other)
        #expect(try ReleasedUpdate(file: updates[0].safetensors()) == updates[0])
    }

    @Test("scores honest and one-sided sites high; noise, flipped labels and repeats low")
    func measuresSeparate() throws {
        let training = try BenchmarkTask.data(for: architecture, count: 4_000, seed: 11)
        // At a model that has learned something, as after the first rounds, wrong labels stand out most.
        var model = model
        try LocalTraining(learningRate: 0.05, epochs: 2, seed: 1).run(&model, on: data)
        let audit = try UpdateAudit(
            model: model, holdout: training.subset(Array(0..<1_000)), gradient: gradient)
        func measure(_ sum: [Int64], noise: Int64 = 0, seen: Set<Digest> = []) throws -> UpdateMeasures {
            audit.measure(
                try ReleasedUpdate(
                    sum: sum, architecture: architecture, scaleBits: 14, clip: 0.5, recordBand: 1_000,
                    noiseUnits: noise), seen: seen)
        }
        let oneSided = (1_000..<4_000).filter { training.labels[$0] < 2 }
        let honest = try gradient.sum(of: training.subset(oneSided), at: model)
        #expect(try measure(honest).coneScore > 950_000)
        let flipped = try Dataset(
            width: 20, classCount: 4, inputs: training.inputs, labels: training.labels.map { 3 - $0 })
        // One-sided sites with wrong labels among classes that look alike come closest to honest ones.
        for places in [Array(1_000..<4_000), oneSided, (1_000..<4_000).filter { training.labels[$0] == 3 }] {
            let score = try measure(gradient.sum(of: flipped.subset(places), at: model)).coneScore
            #expect(score < 900_000, "\(score) of \(places.count) records")
        }
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20 {
            let noise = (0..<honest.count).map { _ in Int64(generator.normal() * 500_000) }
            #expect(try measure(noise, noise: 500_000).coneScore < 850_000)
        }
        #expect(try measure(honest).duplicate == 0)
        #expect(try measure(honest, seen: [UpdateAudit.digest(honest)]).duplicate == UpdateMeasures.one)
        #expect(try measure(Array(repeating: 0, count: honest.count)).wellFormed == 0)
    }

    @Test("takes half the bytes where every number fits into four, and loses none where one does not")
    func narrowNumbers() throws {
        var sum = try gradient.sum(of: data, at: model)
        for (number, type) in [
            (Int64(Int32.max), ElementType.int32), (Int64(Int32.min), .int32), (Int64(Int32.max) + 1, .int64),
            (Int64(Int32.min) - 1, .int64), (.max, .int64),
        ] {
            sum[sum.count - 1] = number
            let file = try ReleasedUpdate(
                sum: sum, architecture: architecture, scaleBits: 14, clip: 0.5, recordBand: 1_000
            ).safetensors()
            #expect(file.tensors["sum"]?.elementType == type, "\(number)")
            #expect(try ReleasedUpdate(file: Safetensors.decode(file.encoded())).sum == sum, "\(number)")
        }
    }

    /// Where updates come in: a file of a member's, read before anything of it may count.
    @Test("refuses by name an update that is no sum of the model's shape")
    func updatesThatAreNone() throws {
        let sum = try gradient.sum(of: data, at: model)
        let good = try ReleasedUpdate(
            sum: sum, architecture: architecture, scaleBits: 14, clip: 0.5, recordBand: 1_000
        ).safetensors()
        #expect(try ReleasedUpdate(file: good).sum == sum)
        func code(_ change: (inout Safetensors) throws -> Void) throws -> TrainingError.Code? {
            var file = good
            try change(&file)
            do throws(TrainingError) { _ = try ReleasedUpdate(file: file) } catch { return error.code }
            return nil
        }
        func replaced(_ values: Tensor.Storage, _ count: Int) throws -> TrainingError.Code? {
            try code { $0.tensors["sum"] = try Tensor(shape: [count], values) }
        }
        for number in [Float.nan, .infinity, -.infinity, 1] {
            #expect(try replaced(.float32(sum.map { _ in number }), sum.count) != nil, "\(number)")
        }
        #expect(try replaced(.int64([1]), 1) == .wrongShape)
        #expect(try replaced(.int64(sum + [1]), sum.count + 1) == .wrongShape)
        #expect(try code { $0.tensors["more"] = try Tensor(shape: [1], .int64([1])) } == .wrongShape)
        for (key, value) in [
            ("clip", "nan"), ("clip", "inf"), ("clip", "0"), ("clip", "-1"), ("record_band", "0"),
            ("scale_bits", "31"), ("noise_units", "-1"),
        ] {
            #expect(try code { $0.metadata[key] = value } == .badParameter, "\(key) = \(value)")
        }
        #expect(try code { $0.metadata["clip"] = nil } == .missing)
        #expect(try code { $0.metadata["noise_units"] = "many" } == .malformed)
    }

    @Test(
        "refuses a clip that does not fit the grid, and more records than a sum holds",
        arguments: [
            (1e6, 30), (0x1p20, 21), (.nan, 14), (.infinity, 14), (0, 14), (-1, 14), (1, 31), (1, -1),
        ])
    func gridLimits(clip: Double, bits: Int) {
        #expect(throws: TrainingError(.badParameter, "", at: "")) { try PrivateGradient(clip: clip, scaleBits: bits) }
    }

    @Test("refuses empty clients, wrong shapes and training that diverges, with the model as it was")
    func trainingRefusals() throws {
        let empty = try Dataset(width: 20, classCount: 4, inputs: [], labels: [])
        #expect(throws: TrainingError(.emptyClient, "", at: "")) { try gradient.sum(of: empty, at: model) }
        #expect(throws: TrainingError(.emptyClient, "", at: "")) { try WeightedMean.of([([1], weight: 0)]) }
        #expect(throws: TrainingError(.notFinite, "", at: "")) { try WeightedMean.of([([.nan], weight: 1)]) }
        #expect(throws: TrainingError(.wrongShape, "", at: "")) {
            try gradient.sum(of: data, at: DenseModel(architecture: DenseArchitecture("21-4"), seed: 1))
        }
        let before = DenseModel(architecture: try DenseArchitecture("20-4"), seed: 1)
        var trained = before
        #expect(throws: TrainingError(.notFinite, "", at: "")) {
            try LocalTraining(learningRate: 3e38, epochs: 5, seed: 1).run(&trained, on: data)
        }
        #expect(trained == before)
        #expect(try WeightedMean.of([([1, 3], weight: 1), ([4, 0], weight: 2)]) == [3, 1])
    }

    @Test("learns with multinomial regression as with an MLP", arguments: ["20-4", "20-12-4"])
    func learns(widths: String) throws {
        var model = DenseModel(architecture: try DenseArchitecture(widths), seed: 1)
        try LocalTraining(learningRate: 0.1, epochs: 20, seed: 1).run(&model, on: data)
        #expect(try Evaluation(of: model, on: data).accuracy > 0.9)
        #expect(try DenseModel(file: Safetensors.decode(model.safetensors().encoded())) == model)
    }

    @Test("commits to a model's bytes: one changed bit, another root")
    func commitment() throws {
        var bytes = [UInt8](repeating: 7, count: 3 * ModelCommitment.leafByteCount + 1)
        let before = ModelCommitment(of: bytes)
        bytes[200_000 - 70_000] ^= 1
        #expect(ModelCommitment(of: bytes).root != before.root)
        let (old, new) = (
            ModelCommitment.leaves([UInt8](repeating: 7, count: bytes.count)), ModelCommitment.leaves(bytes)
        )
        #expect(old.indices.filter { old[$0] != new[$0] } == [1] && old.count == 4)
    }
}
