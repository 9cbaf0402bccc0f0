import Primitives
import Testing
import Training

@testable import Federation
@testable import Node

/// Four members with revealed updates of a small model.
private struct Setting {
    let state: TableState
    let model: DenseModel
    let modelID: CID
    let sums: [[Int64]]
    let bands: [UInt32] = [1_000, 3_000, 2_000, 500]
    static let architecture = "4-3-2"

    init(momentum: Int64 = 0, round: UInt32 = 1) throws {
        state = try TableState(momentum: momentum)
        model = DenseModel(architecture: try DenseArchitecture(Self.architecture), seed: 5)
        modelID = state.put(object: try model.safetensors().encoded())
        var random = SeededRandom(seed: 9)
        sums = (0..<4).map { _ in (0..<23).map { _ in Int64.random(in: -40_000_000...40_000_000, using: &random) } }
        state.record.status = .running
        state.round(round, .propose, model: modelID)
        for index in 0..<4 {
            state.member(index, .active, band: bands[index])
            try reveal(index, try Self.update(sums[index], band: Int(bands[index])), round: round)
        }
    }

    static func update(_ sum: [Int64], architecture: String = Self.architecture, bits: Int = 14, band: Int = 2_000)
        throws -> [UInt8]
    {
        try ReleasedUpdate(
            sum: sum, architecture: DenseArchitecture(architecture), scaleBits: bits, clip: 1, recordBand: band
        ).safetensors().encoded()
    }

    func reveal(_ index: Int, _ bytes: [UInt8], round: UInt32 = 1) throws {
        state.submission(index, .revealed, round: round, update: state.put(object: bytes), outcome: .accepted)
    }

    func next(_ included: [UInt32] = [0, 1, 2, 3], round: UInt32 = 1) async throws -> RoundAggregation.Result {
        try await RoundAggregation.next(
            try await state.reader(), round: round, included: included, objects: state)
    }
}

@Suite("The next model is what the public inputs give")
struct RoundAggregationTests {
    @Test("the mean by public size bands, and a step of the learning rate", arguments: [[0, 1, 2, 3], [1, 3], [2]])
    func independentComputation(included: [UInt32]) async throws {
        let setting = try Setting()
        let result = try await setting.next(included)
        let found = try RoundAggregation.model(result.bytes)
        let band = included.reduce(0) { $0 + Double(setting.bands[Int($1)]) }
        for place in 0..<23 {
            let sum = included.reduce(0) { $0 + Double(setting.sums[Int($1)][place]) }
            let expected = Double(setting.model.parameters[place]) - 0.5 * sum / (16_384 * band)
            #expect(abs(Double(found.parameters[place]) - expected) < 1e-6, "parameter \(place)")
        }
        #expect(result.model == CID.of(raw: result.bytes))
        #expect(result.root == ModelCommitment(of: result.bytes).root)
        // The same inputs give the same bytes.
        #expect(try await setting.next(included).bytes == result.bytes)
    }

    @Test("momentum is what the last step did to the model")
    func momentum() async throws {
        let setting = try Setting(momentum: 900_000, round: 2)
        let before = DenseModel(architecture: setting.model.architecture, seed: 77)
        let previous = setting.state.put(object: try before.safetensors().encoded())
        setting.state.put(
            LineageRecord(
                model: setting.modelID, root: .zero, previous: previous, included: [], updates: [], evidence: [],
                cost: [], paid: .zero, height: 5), FederationPaths.lineage(setting.state.job, 1))
        let found = try RoundAggregation.model(try await setting.next(round: 2).bytes)
        for place in 0..<23 {
            let velocity = Double(before.parameters[place] - setting.model.parameters[place]) / 0.5
            let sum = setting.sums.reduce(0) { $0 + Double($1[place]) }
            let step = sum / (16_384 * 6_500) + 0.9 * velocity
            let expected = Double(setting.model.parameters[place]) - 0.5 * step
            #expect(abs(Double(found.parameters[place]) - expected) < 1e-5, "parameter \(place)")
        }
    }

    @Test("an update that claims another weight or other noise than the ledger says is malformed")
    func claims() async throws {
        let setting = try Setting()
        var loud = try Safetensors.decode(try Setting.update(setting.sums[0], band: 1_000))
        loud.metadata["noise_units"] = "1"
        // The numbers of an earlier update under another id would be no replay to the ledger.
        for bytes in [try Setting.update(setting.sums[0], band: 1_001), loud.encoded()] {
            try setting.reveal(0, bytes)
            let error = await #expect(throws: TrainingError.self) { try await setting.next() }
            #expect(error?.code == .malformed)
        }
    }

    @Test("an update that does not fit is refused by name")
    func unfit() async throws {
        let wide = [Int64](repeating: 1, count: 4 * 4 + 4 + 4 * 2 + 2)
        var whole = try Setting.update([Int64](repeating: 1, count: 23))
        whole.removeLast()
        let short = Safetensors(
            tensors: ["sum": try Tensor(shape: [22], .int64([Int64](repeating: 1, count: 22)))],
            metadata: [
                "architecture": "4-3-2", "scale_bits": "14", "clip": "1.0", "record_band": "2000",
                "noise_units": "0",
            ])
        var long = short
        long.tensors["sum"] = try Tensor(shape: [24], .int64([Int64](repeating: 1, count: 24)))
        var floats = short
        floats.tensors["sum"] = try Tensor(shape: [23], .float32([Float](repeating: .nan, count: 23)))
        var infinite = short
        infinite.tensors["sum"] = try Tensor(shape: [23], .int64([Int64](repeating: 1, count: 23)))
        infinite.metadata["clip"] = "inf"
        let cases: [(String, [UInt8], TrainingError.Code)] = [
            ("another architecture", try Setting.update(wide, architecture: "4-4-2"), .wrongShape),
            ("another grid", try Setting.update([Int64](repeating: 1, count: 23), bits: 0), .wrongShape),
            ("too short", short.encoded(), .wrongShape), ("too long", long.encoded(), .wrongShape),
            ("cut off", whole, .truncated), ("no numbers", floats.encoded(), .unsupportedType),
            ("infinite clip", infinite.encoded(), .badParameter), ("empty", [], .truncated),
            ("overflow", try Setting.update([Int64](repeating: .max, count: 23)), .overflow),
        ]
        for (name, bytes, code) in cases {
            let setting = try Setting()
            // The sums of all others are above zero, so that the largest number overflows.
            try setting.reveal(1, try Setting.update([Int64](repeating: 1, count: 23), band: 3_000))
            try setting.reveal(2, bytes)
            let error = await #expect(throws: TrainingError.self, "\(name)") { try await setting.next([1, 2]) }
            #expect(error?.code == code, "\(name): \(error.map { "\($0)" } ?? "")")
        }
    }

    @Test("nobody, a stranger, or a member that has revealed nothing cannot be included")
    func inclusion() async throws {
        let setting = try Setting()
        let error = await #expect(throws: TrainingError.self) { try await setting.next([]) }
        #expect(error?.code == .emptyClient)
        for index in [4, 255, .max] as [UInt32] {
            let error = await #expect(throws: UnusableTerms.self) { try await setting.next([index]) }
            #expect(error?.field == "included")
        }
        setting.state.submission(3, .committed)
        await #expect(throws: UnusableTerms.self) { try await setting.next([3]) }
        let unknown = await #expect(throws: UnusableTerms.self) { try await setting.next(round: 9) }
        #expect(unknown?.field == "round")
    }
}
