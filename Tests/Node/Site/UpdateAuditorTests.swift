import PluginHost
import Primitives
import Testing
import Training

@testable import Federation
@testable import Node

/// A round in which four members have revealed; the first two are honest.
private struct AuditedRound {
    let state: TableState
    let auditor: UpdateAuditor
    let model: DenseModel
    static let shape = "4-8-2"

    init(phase: RoundPhase = .audit) throws {
        state = try TableState()
        state.terms.modelDescriptor = "mlp/\(Self.shape)"
        let architecture = try DenseArchitecture(Self.shape)
        let gradient = try PrivateGradient(clip: 1, scaleBits: 14)
        let sensitivity = gradient.sensitivityUnits(parameterCount: architecture.parameterCount)
        for index in state.terms.mechanism.parameters.indices
        where state.terms.mechanism.parameters[index].name == "sensitivity_units" {
            state.terms.mechanism.parameters[index].value = sensitivity
        }
        model = DenseModel(architecture: architecture, seed: 3)
        state.terms.holdout = state.put(
            object: Safetensors(tensors: [
                "inputs": try Tensor(shape: [40, 4], .float32(Self.data(seed: 1).inputs)),
                "labels": try Tensor(shape: [40], .uint8(Self.data(seed: 1).labels)),
            ]).encoded())
        state.save()
        state.record.status = .running
        state.round(1, phase, model: state.put(object: try model.safetensors().encoded()))
        auditor = UpdateAuditor(
            verifier: try PluginLane(owning: BuiltPlugins.registry().verifier("verify-spotcheck")),
            waits: [.milliseconds(1)])
        for index in 0..<4 {
            state.member(index, .active, band: 40)
            try reveal(index, try update(gradient.sum(of: Self.data(seed: UInt64(index) + 5), at: model)))
        }
    }

    /// Two classes that a line separates.
    static func data(seed: UInt64) throws -> Dataset {
        var random = SeededRandom(seed: seed)
        let labels = (0..<40).map { UInt8($0 % 2) }
        let inputs = labels.flatMap { label in
            (0..<4).map { _ in Float.random(in: 0...1, using: &random) + (label == 0 ? -0.8 : 0.8) }
        }
        return try Dataset(width: 4, classCount: 2, inputs: inputs, labels: labels)
    }

    func update(_ sum: [Int64], architecture: String = Self.shape, bits: Int = 14, clip: Double = 1) throws -> [UInt8] {
        try ReleasedUpdate(
            sum: sum, architecture: DenseArchitecture(architecture), scaleBits: bits, clip: clip, recordBand: 40
        ).safetensors().encoded()
    }

    func reveal(_ index: Int, _ bytes: [UInt8], outcome: Outcome? = nil) throws {
        state.submission(index, .revealed, update: state.put(object: bytes), outcome: outcome)
    }

    func judge() async throws -> AuditFinding {
        try await auditor.judge(try await state.reader(), round: 1, objects: state)
    }

    func confirms(_ proposal: ModelProposal) async throws -> Bool {
        try await auditor.confirmed(proposal, try await state.reader(), round: 1, objects: state) != nil
    }

    var parameterCount: Int { model.parameters.count }
}

@Suite("An auditor judges what was revealed")
struct UpdateAuditorTests {
    @Test("honest updates are accepted, in the order of members, with evidence that anybody can repeat")
    func honest() async throws {
        let round = try AuditedRound()
        let finding = try await round.judge()
        #expect(finding.outcomes.map(\.member) == [0, 1, 2, 3])
        #expect(finding.outcomes.allSatisfy { $0.outcome == .accepted }, "\(finding.outcomes)")
        #expect(finding.outcomes.allSatisfy { $0.evidence == CID.of(raw: finding.evidence) })
        let again = try await round.judge()
        #expect(again.evidence == finding.evidence)
        #expect(again.outcomes == finding.outcomes)
    }

    @Test("an update that is none, does not fit or is zero is malformed; the others are judged all the same")
    func malformed() async throws {
        let count = try AuditedRound().parameterCount
        let ones = [Int64](repeating: 1, count: count)
        let good = try AuditedRound().update(ones)
        var floats = try Safetensors.decode(good)
        floats.tensors["sum"] = try Tensor(shape: [count], .float32([Float](repeating: .nan, count: count)))
        var infinite = try Safetensors.decode(good)
        infinite.metadata["clip"] = "inf"
        let round = try AuditedRound()
        let cases: [(String, [UInt8])] = [
            ("garbage", [1, 2, 3]), ("nothing", []), ("cut off", good.dropLast(3)), ("NaN", floats.encoded()),
            ("infinite clip", infinite.encoded()), ("zero", try round.update([Int64](repeating: 0, count: count))),
            ("another grid", try round.update(ones, bits: 3)), ("another clip", try round.update(ones, clip: 2)),
            (
                "another architecture",
                try round.update(
                    [Int64](repeating: 1, count: DenseArchitecture("4-3-2").parameterCount), architecture: "4-3-2")
            ),
            ("largest numbers", try round.update([Int64](repeating: .max, count: count))),
            ("smallest numbers", try round.update([Int64](repeating: .min, count: count))),
            ("largest and smallest", try round.update((0..<count).map { $0 % 2 == 0 ? .max : .min })),
        ]
        for (name, bytes) in cases {
            let round = try AuditedRound()
            try round.reveal(2, bytes)
            let outcomes = try await round.judge().outcomes
            #expect(outcomes.count == 4, "\(name)")
            #expect(outcomes[2].outcome == .malformed, "\(name): \(outcomes[2])")
            for index in [0, 1, 3] {
                #expect(outcomes[index].outcome != .malformed, "\(name): \(outcomes[index])")
            }
        }
    }

    @Test("an update that nobody holds is missing, and the evidence names it")
    func lost() async throws {
        let round = try AuditedRound()
        let honest = try await round.judge()
        round.state.submission(2, .revealed, update: .of(raw: [99]))
        let finding = try await round.judge()
        #expect(finding.outcomes.map(\.outcome) == [.accepted, .accepted, .missing, .accepted])
        #expect(finding.evidence != honest.evidence)
        #expect(try CBORValue.decode(finding.evidence).array?.last == .array([.unsigned(2)]))
    }

    @Test("an update that is larger than its terms allow is malformed, and is not fetched if it says so itself")
    func tooLarge() async throws {
        let round = try AuditedRound()
        try round.reveal(2, [UInt8](repeating: 1, count: 8 * round.parameterCount + 65_537))
        #expect(try await round.judge().outcomes[2].outcome == .malformed)
        // Fetching it would end the audit.
        let id = CID.of(raw: [99])
        round.state.failures[id] = ServiceError(.unreachable, "nobody there")
        round.state.submission(2, .revealed, update: id, size: 256 << 20)
        #expect(try await round.judge().outcomes[2].outcome == .malformed)
    }

    @Test("a node that does not answer or sends other bytes is no fault of the member: the audit waits")
    func unreachable() async throws {
        let round = try AuditedRound()
        let id = CID.of(raw: [99])
        round.state.submission(2, .revealed, update: id)
        round.state.failures[id] = ServiceError(.unreachable, "nobody there")
        await #expect(throws: ServiceError(.unreachable, "")) { try await round.judge() }
        round.state.failures[id] = LightClientError.object(expected: id)
        await #expect(throws: LightClientError.object(expected: id)) { try await round.judge() }
    }

    @Test("who has not revealed is not judged")
    func notRevealed() async throws {
        let round = try AuditedRound()
        round.state.submission(1, .dropped)
        round.state.submission(3, .refused)
        #expect(try await round.judge().outcomes.map(\.member) == [0, 2])
    }

    @Test("a model is confirmed if it is that of all accepted updates, and in no other case")
    func confirms() async throws {
        let round = try AuditedRound(phase: .confirm)
        for index in 0..<3 { try round.reveal(index, try update(of: index, in: round), outcome: .accepted) }
        try round.reveal(3, try update(of: 3, in: round), outcome: .lowScore)
        func next(_ included: [UInt32]) async throws -> ModelProposal {
            let result = try await RoundAggregation.next(
                try await round.state.reader(), round: 1, included: included, objects: round.state)
            return ModelProposal(model: result.model, root: result.root, included: included)
        }
        let right = try await next([0, 1, 2])
        #expect(try await round.confirms(right))
        // Correctly computed, and of others.
        for included in [[0, 1], [1], [0, 1, 2, 3], [0, 1, 3]] as [[UInt32]] {
            #expect(try await !round.confirms(next(included)), "\(included)")
        }
        var lie = right
        lie.model = .of(raw: [1])
        #expect(try await !round.confirms(lie))
        lie = right
        lie.root = .zero
        #expect(try await !round.confirms(lie))
        lie = right
        lie.included = []
        #expect(try await !round.confirms(lie))
        lie.included = [0, 1, 2, 2]
        #expect(try await !round.confirms(lie))
        lie.included = [0, 1, 2, 77]
        #expect(try await !round.confirms(lie))
    }

    @Test("an update whose member was slashed after it was judged good may be in the model or not")
    func slashedSince() async throws {
        let round = try AuditedRound(phase: .confirm)
        for index in 0..<2 { try round.reveal(index, try update(of: index, in: round), outcome: .accepted) }
        for index in 2..<4 { try round.reveal(index, try update(of: index, in: round), outcome: .lowScore) }
        let bytes = try update(of: 1, in: round)
        round.state.submission(1, .equivocated, update: round.state.put(object: bytes), outcome: .accepted)
        for (included, isRight) in [([0], true), ([0, 1], true), ([1], false), ([0, 2], false)] as [([UInt32], Bool)] {
            let result = try await RoundAggregation.next(
                try await round.state.reader(), round: 1, included: included, objects: round.state)
            let proposal = ModelProposal(model: result.model, root: result.root, included: included)
            #expect(try await round.confirms(proposal) == isRight, "\(included)")
        }
    }

    private func update(of index: Int, in round: AuditedRound) throws -> [UInt8] {
        let gradient = try PrivateGradient(clip: 1, scaleBits: 14)
        return try round.update(gradient.sum(of: AuditedRound.data(seed: UInt64(index) + 5), at: round.model))
    }
}
