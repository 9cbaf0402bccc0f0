import PluginHost
import Primitives
import Testing
import Training

@testable import Federation
@testable import Node

/// Rounds of a job with noise: four members have revealed in each, and the last is to be judged.
private struct NoisyRounds {
    let state: TableState
    let terms: TrainingTerms
    let last: UInt32
    static let shape = "30-40-2"
    static let deviation: Int64 = 500_000

    init(last: UInt32) throws {
        self.last = last
        state = try TableState()
        state.terms.modelDescriptor = "mlp/\(Self.shape)"
        let architecture = try DenseArchitecture(Self.shape)
        let gradient = try PrivateGradient(clip: 1, scaleBits: 14)
        for index in state.terms.mechanism.parameters.indices {
            switch state.terms.mechanism.parameters[index].name {
            case "sensitivity_units":
                let units = gradient.sensitivityUnits(parameterCount: architecture.parameterCount)
                state.terms.mechanism.parameters[index].value = units
            case "noise_units": state.terms.mechanism.parameters[index].value = Self.deviation
            default: break
            }
        }
        let model = DenseModel(architecture: architecture, seed: 3)
        let labels = (0..<40).map { UInt8($0 % 2) }
        var random = SeededRandom(seed: 4)
        let inputs = (0..<40 * 30).map { _ in Float.random(in: -1...1, using: &random) }
        state.terms.holdout = state.put(
            object: Safetensors(tensors: [
                "inputs": try Tensor(shape: [40, 30], .float32(inputs)),
                "labels": try Tensor(shape: [40], .uint8(labels)),
            ]).encoded())
        state.save()
        state.record.status = .running
        terms = try TrainingTerms(state.terms)
        let modelID = state.put(object: try model.safetensors().encoded())
        for member in 0..<4 { state.member(member, .active, band: 40) }
        for round in 1...last {
            state.round(round, round == last ? .audit : .settled, model: modelID)
            for member in 0..<4 { try reveal(member, Self.fresh(member, round), round: round) }
        }
    }

    /// What the mechanism of this member has drawn in this round.
    static func fresh(_ member: Int, _ round: UInt32) throws -> [Int64] {
        var generator = SeededGenerator(seed: UInt64(member) * 1_000 + UInt64(round))
        let count = try DenseArchitecture(shape).parameterCount
        return (0..<count).map { _ in Int64((generator.normal() * Double(deviation)).rounded()) }
    }

    func reveal(_ member: Int, _ sum: [Int64], round: UInt32) throws {
        let bytes = try ReleasedUpdate(
            sum: sum, architecture: DenseArchitecture(Self.shape), scaleBits: 14, clip: 1, recordBand: 40,
            noiseUnits: Self.deviation
        ).safetensors().encoded()
        state.submission(member, .revealed, round: round, update: state.put(object: bytes))
    }

    func reuses() async throws -> [UInt32: EarlierUpdates.Reuse] {
        let job = try await state.reader()
        var updates: [UInt32: ReleasedUpdate] = [:]
        for member in 0..<4 as Range<UInt32> {
            updates[member] = try await RoundAggregation.update(job, round: last, member: member, terms, state)
        }
        return try await EarlierUpdates.reuses(in: updates, job, round: last, terms, state)
    }
}

@Suite("An update that was released before is known again")
struct EarlierUpdatesTests {
    @Test("honest members of many rounds are not blamed")
    func honest() async throws {
        #expect(try await NoisyRounds(last: 3).reuses().isEmpty)
    }

    @Test("an own or another member's update of the last rounds with numbers changed is found, and where it is from")
    func changed() async throws {
        for (source, round) in [(2, 2), (2, 1), (0, 2), (3, 1)] as [(Int, UInt32)] {
            let rounds = try NoisyRounds(last: 3)
            var sum = try NoisyRounds.fresh(source, round)
            for place in stride(from: 0, to: sum.count, by: 7) { sum[place] += 12_345 }
            try rounds.reveal(2, sum, round: 3)
            let found = try await rounds.reuses()
            #expect(found.count == 1)
            #expect(found[2]?.round == round, "\(source) \(round)")
            #expect(found[2]?.member == UInt32(source))
            #expect(found[2]?.subject == UInt64(round) << 32 | UInt64(source))
        }
    }

    @Test("the auditor's verdict is a replay, with where it is from in the evidence; the others' is none")
    func verdict() async throws {
        let rounds = try NoisyRounds(last: 2)
        var sum = try NoisyRounds.fresh(1, 1)
        sum[0] += 1
        try rounds.reveal(3, sum, round: 2)
        let auditor = UpdateAuditor(
            verifier: try PluginLane(owning: BuiltPlugins.registry().verifier("verify-spotcheck")),
            waits: [.milliseconds(1)])
        let finding = try await auditor.judge(try await rounds.state.reader(), round: 2, objects: rounds.state)
        #expect(finding.outcomes.map(\.member) == [0, 1, 2, 3])
        #expect(finding.outcomes[3].outcome == .provenReplay)
        #expect(finding.outcomes.prefix(3).allSatisfy { $0.outcome != .provenReplay })
        let results = try CBORValue.decode(finding.evidence).array?[2].array ?? []
        #expect(results.contains(.array([.unsigned(3), .unsigned(3), .unsigned(1_000_000), .unsigned(1 << 32 | 1)])))
    }

    @Test("what is older than the window, or is not to be had any more, is passed over")
    func window() async throws {
        let rounds = try NoisyRounds(last: 4)
        var sum = try NoisyRounds.fresh(1, 1)
        sum[0] += 1
        try rounds.reveal(3, sum, round: 4)
        #expect(try await rounds.reuses().isEmpty)
        let near = try NoisyRounds(last: 3)
        try near.reveal(3, sum, round: 3)
        #expect(try await near.reuses().count == 1)
        near.state.submission(1, .revealed, round: 1, update: .of(raw: [99]))
        #expect(try await near.reuses().isEmpty)
    }

    @Test("nodes keep at least the rounds that auditors compare with")
    func retention() throws {
        let key = try #require(NodeConfiguration.schema.keys.first { $0.name == "objects.keep_rounds" })
        guard case .integer(let range) = key.kind, case .integer(let usual) = key.defaultValue else {
            Issue.record("objects.keep_rounds is no integer")
            return
        }
        #expect(range.lowerBound >= Int64(EarlierUpdates.comparedRounds))
        #expect(usual >= Int64(EarlierUpdates.comparedRounds))
    }
}
