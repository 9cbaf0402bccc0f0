import Federation
import PluginHost
import Primitives
import Privacy
import TaskRunner
import Training

/// An honest site's work: the trainer runs in a sandbox over the local data, the privacy plugin adds noise to the
/// clipped sum, and what comes out is the update.
///
/// The trainer lives from round to round. The exact sum exists in its memory and in a file that only the task's user
/// can read, and is removed from there before the update is handed on.
public struct SandboxedWork: RoundWork {
    public struct Settings: Sendable {
        /// The trainer's program.
        public var trainer: String
        /// The site's records, as safetensors.
        public var data: String
        /// Where tasks have their folders.
        public var scratch: String
        public var limits: TaskDescription.Limits
        /// What the trainer finds in its environment.
        public var environment: [String]
        /// The user that tasks run as when this process is root.
        public var taskUser: UInt32

        public init(
            trainer: String, data: String, scratch: String, limits: TaskDescription.Limits, environment: [String] = [],
            taskUser: UInt32 = 65_534
        ) {
            self.trainer = trainer
            self.data = data
            self.scratch = scratch
            self.limits = limits
            self.environment = environment
            self.taskUser = taskUser
        }
    }

    private let settings: Settings
    private let trainers: ServingTrainers
    private let privacy: PluginLane<PrivacyInstance>
    private let key: PublicKey
    /// The dataset's public size band: the update's weight.
    private let band: Int

    public init(
        settings: Settings, runner: TaskRunner, privacy: PluginLane<PrivacyInstance>, key: PublicKey, band: Int
    ) {
        self.settings = settings
        trainers = ServingTrainers(
            settings: .init(
                program: settings.trainer, environment: settings.environment, scratch: settings.scratch,
                limits: settings.limits, taskUser: settings.taskUser),
            runner: runner)
        self.privacy = privacy
        self.key = key
        self.band = band
    }

    public func cost(of terms: JobTerms) async throws -> CostVector {
        let job = try await Self.privacyJob(terms, for: privacy)
        let plan = try await privacy.call { (plugin) throws(PluginError) in try plugin.plan(job) }
        return try Self.cost(plan.costOfRound)
    }

    public func prepare(_ assignment: RoundAssignment) async throws -> PreparedUpdate {
        let sum = try await train(assignment)
        return try await protect(sum, assignment)
    }

    // MARK: Training

    private func train(_ assignment: RoundAssignment) async throws -> ReleasedUpdate {
        let terms = try TrainingTerms(assignment.terms)
        let bytes = try await trainers.train(
            .init(
                job: assignment.job, programDigest: assignment.terms.trainer,
                configuration: Array(configuration(terms).utf8), model: assignment.modelBytes, data: settings.data),
            result: "update.safetensors")
        return try ReleasedUpdate(file: Safetensors.decode(bytes))
    }

    public func finish(_ job: Digest) async { await trainers.finish(job) }

    public func stop() async { await trainers.stop() }

    private func configuration(_ terms: TrainingTerms) -> String {
        """
        mode = dp-gradient
        clip = \(terms.clip)
        scale_bits = \(terms.scaleBits)
        input_factor = \(terms.scaling.factor)
        input_offset = \(terms.scaling.offset)
        record_band = \(band)

        """
    }

    // MARK: Protection

    private func protect(_ sum: ReleasedUpdate, _ assignment: RoundAssignment) async throws -> PreparedUpdate {
        let terms = try TrainingTerms(assignment.terms)
        let job = try await Self.privacyJob(assignment.terms, for: privacy)
        let round = PrivacyRound(
            role: .site, job: assignment.job, model: assignment.model.digest,
            membersRoot: Self.membersRoot(assignment.terms), entropy: Digest.blake2b256(SecureRandom.bytes(count: 64)),
            ownKey: key, round: assignment.round, members: assignment.terms.members.compactMap(\.publicKey))
        let values = sum.sum
        let (noised, cost) = try await privacy.call { (plugin) throws(PluginError) in
            _ = try plugin.plan(job)
            try plugin.begin(round)
            do throws(PluginError) {
                let cost = try plugin.spend()
                let buffer = try plugin.makeBuffer(count: values.count)
                _ = buffer.values.update(fromContentsOf: values)
                _ = try plugin.release(
                    buffer, sensitivityInGridSteps: terms.sensitivityUnits, gridBits: UInt32(terms.scaleBits))
                let noised = Array(buffer.values)
                try plugin.end()
                return (noised, cost)
            } catch {
                // A round that has begun is ended, so that its secrets are wiped and the next one can begin.
                try? plugin.end()
                throw error
            }
        }
        let update = try ReleasedUpdate(
            sum: noised, architecture: sum.architecture, scaleBits: sum.scaleBits, clip: sum.clip, recordBand: band,
            noiseUnits: Int64(clamping: terms.noiseUnits))
        return PreparedUpdate(bytes: try update.safetensors().encoded(), cost: try Self.cost(cost))
    }

    /// What is asked of the privacy plugin, from the terms and the plugin's list of guarantees.
    static func privacyJob(_ terms: JobTerms, for plugin: PluginLane<PrivacyInstance>) async throws -> PrivacyJob {
        let training = try TrainingTerms(terms)
        var job = PrivacyJob(
            sensitivityInGridSteps: training.sensitivityUnits, count: UInt64(training.architecture.parameterCount),
            gridBits: UInt32(training.scaleBits), roundsPlanned: terms.rounds, members: UInt32(terms.members.count))
        job.capability = try await plugin.number(of: terms.guarantee)
        job.epsilonBillionths = terms.guarantee.epsilonBillionths
        job.deltaTrillionths = terms.guarantee.deltaTrillionths
        return job
    }

    private static func cost(_ orders: [UInt64]) throws -> CostVector {
        guard let cost = CostVector(orders) else {
            throw UnusableTerms(field: "mechanism", reason: "a cost of \(orders.count) orders")
        }
        return cost
    }

    private static func membersRoot(_ terms: JobTerms) -> Digest {
        var encoder = CBOREncoder()
        encoder.list(terms.members)
        return .blake2b256(encoder.finish())
    }
}
