import Federation
import PluginHost
import Primitives
import Privacy
import Training

/// Turns a requester's job file into the terms that go on the ledger.
public struct JobPreparation: Sendable {
    /// The plugins whose ids the job names.
    public struct Parts: Sendable {
        public var mechanism: PluginReference
        public var shown: ShownUpdates
        public var verifiers: [PluginReference]
        public var privacy: PluginLane<PrivacyInstance>

        public init(
            mechanism: PluginReference, shown: ShownUpdates, verifiers: [PluginReference],
            privacy: PluginLane<PrivacyInstance>
        ) {
            self.mechanism = mechanism
            self.shown = shown
            self.verifiers = verifiers
            self.privacy = privacy
        }
    }

    private let file: JobFile
    private let parts: Parts
    private let aggregator: AccountID
    private let trainer: Digest

    /// - Parameters:
    ///   - aggregator: who aggregates unless the file names somebody.
    ///   - trainer: the trainer that ships, unless the file names another.
    public init(file: JobFile, parts: Parts, aggregator: AccountID, trainer: Digest) {
        self.trainer = file.trainer ?? trainer
        self.file = file
        self.parts = parts
        self.aggregator = file.aggregator ?? aggregator
    }

    /// The model that the job starts from, if the file gives a seed and no CID.
    public func initialModel() throws -> [UInt8] {
        try DenseModel(architecture: file.architecture, seed: file.modelSeed).safetensors().encoded()
    }

    /// The terms, with the noise and the cost a round that the privacy plugin plans.
    ///
    /// - Parameters:
    ///   - model: the stored initial model.
    ///   - holdout: the stored public records that scores are measured on.
    /// - Throws: `ConfigurationError` with the file's key, where it is the file that cannot be planned.
    public func terms(model: CID, holdout: CID) async throws -> JobTerms {
        do {
            return try await plannedTerms(model: model, holdout: holdout)
        } catch let error as UnusableTerms {
            throw file.problem(Self.keys[error.field] ?? error.field, error.reason)
        } catch let error as TrainingError {
            throw file.problem("privacy.clip", error.reason)
        }
    }

    /// What the terms' fields are called in a job file.
    private static let keys = [
        "model_descriptor": "model.descriptor", "guarantee.unit": "privacy.unit",
        "guarantee.relation": "privacy.relation", "aggregation": "aggregation.rule",
        TrainingTerms.clipName: "privacy.clip", TrainingTerms.scaleBitsName: "privacy.grid_bits",
        TrainingTerms.inputFactorName: "training.input_factor",
        TrainingTerms.inputOffsetName: "training.input_offset",
        TrainingTerms.learningRateName: "aggregation.server_learning_rate",
        TrainingTerms.momentumName: "aggregation.server_momentum", TrainingTerms.sensitivityName: "privacy.clip",
        TrainingTerms.noiseName: "privacy.epsilon",
    ]

    private func plannedTerms(model: CID, holdout: CID) async throws -> JobTerms {
        let architecture = file.architecture
        // The clip that the terms can hold, so that the noise fits what the trainer does.
        let clip = Self.millionths(file.clip)
        let gradient = try PrivateGradient(clip: Double(clip) / 1e6, scaleBits: file.gridBits)
        let sensitivity = UInt64(gradient.sensitivityUnits(parameterCount: architecture.parameterCount))
        var question = PrivacyJob(
            sensitivityInGridSteps: sensitivity, count: UInt64(architecture.parameterCount),
            gridBits: UInt32(file.gridBits), roundsPlanned: file.rounds, members: UInt32(file.members.count))
        question.capability = try await parts.privacy.number(of: file.guarantee)
        question.epsilonBillionths = file.guarantee.epsilonBillionths
        question.deltaTrillionths = file.guarantee.deltaTrillionths
        let asked = question
        let plan = try await parts.privacy.call { (plugin) throws(PluginError) in try plugin.plan(asked) }
        guard let cost = CostVector(plan.costOfRound) else {
            throw UnusableTerms(field: "privacy.plugin", reason: "a cost of \(plan.costOfRound.count) orders")
        }
        let training = TrainingTerms(
            architecture: architecture, clipMillionths: clip, scaleBits: file.gridBits,
            inputFactorBillionths: Int64((file.inputFactor * 1e9).rounded()),
            inputOffsetBillionths: Int64((file.inputOffset * 1e9).rounded()),
            learningRateMillionths: Self.millionths(file.serverLearningRate),
            momentumMillionths: Self.millionths(file.serverMomentum), sensitivityUnits: sensitivity,
            noiseUnits: plan.noiseScaleInGridSteps)
        let terms = JobTerms(
            purpose: file.purpose, members: file.members, minimumMembers: file.leastMembers, aggregator: aggregator,
            rounds: file.rounds, trainer: trainer, trainerParameters: training.trainerParameters,
            mechanism: PrivacyMechanism(
                plugin: parts.mechanism, shown: parts.shown, parameters: training.mechanismParameters),
            guarantee: file.guarantee, costPerRound: cost, verifiers: parts.verifiers,
            aggregation: AggregationRule(rule: file.aggregationRule, parameters: training.aggregationParameters),
            auditorsPerRound: file.auditorsPerRound, quorum: file.quorum, payment: file.payment,
            deadlines: file.deadlines, initialModel: model, modelDescriptor: file.modelDescriptor, holdout: holdout)
        // What sites, auditors and the aggregator will read of it is refused here, before anything is paid.
        _ = try TrainingTerms(terms)
        return terms
    }

    private static func millionths(_ value: Double) -> Int64 { Int64((value * 1e6).rounded()) }
}
