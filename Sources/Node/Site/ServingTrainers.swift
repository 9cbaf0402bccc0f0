import PluginHost
import Primitives
import TaskRunner

/// Trainers that live from round to round, one for each job: to start a program in its sandbox and to have it read the
/// records takes longer than most rounds' training.
///
/// A trainer sees what every round's program would see: the site's records and the model, nothing of other jobs. It
/// ends when its job does, when nobody has asked for a while, or with this process.
actor ServingTrainers {
    struct Settings: Sendable {
        var program: String
        var environment: [String]
        var scratch: String
        var limits: TaskDescription.Limits
        var taskUser: UInt32
        /// How many are kept that nobody is asking anything.
        var keptCount = 4
        /// How long one is kept that nobody asks.
        var idleTime: Duration = .seconds(120)
    }

    /// What a trainer is asked to do in a round.
    struct Request: Sendable {
        var job: Digest
        var programDigest: Digest
        var configuration: [UInt8]
        var model: [UInt8]
        /// The file of the site's records.
        var data: String
    }

    private struct Trainer {
        let number: UInt64
        let folder: TaskFolder
        let programDigest: Digest
    }

    private struct Kept {
        let trainer: Trainer
        let since: ContinuousClock.Instant
        let expiry: Task<Void, Never>
    }

    private let settings: Settings
    private let runner: TaskRunner
    private var kept: [Digest: Kept] = [:]
    private var lastFolder: UInt64 = 0

    init(settings: Settings, runner: TaskRunner) {
        self.settings = settings
        self.runner = runner
    }

    /// The bytes of the file that the trainer has written for the round.
    ///
    /// - Throws: `TaskFailed` where it has not done its work; it is ended then, and the next request starts another.
    func train(_ request: Request, result name: String) async throws -> [UInt8] {
        let trainer = try await trainer(for: request)
        do {
            try trainer.folder.replace("model.safetensors", request.model)
            try trainer.folder.replace("task.conf", request.configuration)
            guard let answer = try await runner.ask(trainer.number, Array("train".utf8)) else {
                throw TrainerLost()
            }
            guard answer == Array("0".utf8) else {
                throw TaskFailed(program: settings.program, said: answer)
            }
            let bytes = try trainer.folder.takeResult(name)
            guard !bytes.isEmpty else {
                throw TaskFailed(program: settings.program, said: Array("\(name) is empty".utf8))
            }
            await keep(trainer, for: request.job)
            return bytes
        } catch {
            let end = await end(trainer)
            guard error is TrainerLost, let end else { throw error }
            throw TaskFailed(program: settings.program, result: end)
        }
    }

    /// Ends a job's trainer, if there is one.
    func finish(_ job: Digest) async {
        guard let trainer = take(job) else { return }
        await end(trainer)
    }

    /// Ends all trainers.
    func stop() async {
        for job in Array(kept.keys) { await finish(job) }
    }

    // MARK: Starting and ending

    private func trainer(for request: Request) async throws -> Trainer {
        if let trainer = take(request.job) {
            if trainer.programDigest == request.programDigest { return trainer }
            await end(trainer)
        }
        lastFolder += 1
        var folder = try TaskFolder(
            below: settings.scratch, name: "\(request.job.hex.prefix(16))-\(lastFolder)", taskUser: settings.taskUser)
        do {
            try folder.add("model.safetensors", [], isReplaced: true)
            try folder.add("task.conf", [], isReplaced: true)
            try folder.add("data.safetensors", DurableFile.read(request.data))
            let number = try await runner.start(
                TaskDescription(
                    program: settings.program, programDigest: request.programDigest, arguments: ["--serve"],
                    environment: settings.environment,
                    inputs: [.init(hostPath: folder.input, insidePath: "/task/in")], outputPath: folder.output,
                    limits: settings.limits, serves: true))
            return Trainer(number: number, folder: folder, programDigest: request.programDigest)
        } catch {
            folder.remove()
            throw error
        }
    }

    private func take(_ job: Digest) -> Trainer? {
        guard let known = kept.removeValue(forKey: job) else { return nil }
        known.expiry.cancel()
        return known.trainer
    }

    private func keep(_ trainer: Trainer, for job: Digest) async {
        // Another request of the same job was faster.
        if let other = take(job) { await end(other) }
        let idleTime = settings.idleTime
        let expiry = Task { [weak self] in
            // A cancelled sleep means that somebody has asked.
            guard (try? await Task.sleep(for: idleTime)) != nil else { return }
            await self?.finish(job)
        }
        kept[job] = Kept(trainer: trainer, since: .now, expiry: expiry)
        guard kept.count > settings.keptCount, let oldest = kept.min(by: { $0.value.since < $1.value.since })?.key
        else { return }
        await finish(oldest)
    }

    @discardableResult
    private func end(_ trainer: Trainer) async -> TaskResult? {
        let result = await runner.end(trainer.number)
        trainer.folder.remove()
        return result
    }
}

/// The trainer ended while it was asked.
private struct TrainerLost: Error {}
