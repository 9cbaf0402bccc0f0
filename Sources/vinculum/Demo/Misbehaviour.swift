import Federation
import Node
import Primitives
import Privacy
import Training

/// How a site of the demo can misbehave inside its own process. Labels that are flipped lie in the site's data
/// instead: the process that trains on them does not know.
enum Misbehaviour: String, CaseIterable, Sendable {
    /// Noise in place of work: the trainer is never run.
    case noise
    /// The bytes of the first round, sent again in every later one.
    case replay

    /// The work of a site that misbehaves so.
    ///
    /// - Parameter band: the site's public size band, which its updates have to name.
    func work(instead honest: any RoundWork, folder: String, band: Int) -> any RoundWork {
        switch self {
        case .noise: NoiseInsteadOfWork(honest: honest, band: band)
        case .replay: ReplayedWork(honest: honest, memory: "\(folder)/first-update")
        }
    }
}

/// An update of the right form that holds nothing but noise of the planned size.
private struct NoiseInsteadOfWork: RoundWork {
    let honest: any RoundWork
    let band: Int

    func cost(of terms: JobTerms) async throws -> CostVector { try await honest.cost(of: terms) }

    func prepare(_ assignment: RoundAssignment) async throws -> PreparedUpdate {
        let terms = try TrainingTerms(assignment.terms)
        var random = SecureRandom()
        var generator = SeededGenerator(seed: random.next())
        let scale = Double(terms.noiseUnits)
        let values = (0..<terms.architecture.parameterCount).map { _ in Int64((generator.normal() * scale).rounded()) }
        let update = try ReleasedUpdate(
            sum: values, architecture: terms.architecture, scaleBits: terms.scaleBits, clip: terms.clip,
            recordBand: band, noiseUnits: Int64(clamping: terms.noiseUnits))
        return PreparedUpdate(
            bytes: try update.safetensors().encoded(), cost: try await honest.cost(of: assignment.terms))
    }
}

/// Works in its first round and sends what it made then for ever after.
private struct ReplayedWork: RoundWork {
    let honest: any RoundWork
    let memory: String

    func cost(of terms: JobTerms) async throws -> CostVector { try await honest.cost(of: terms) }

    func prepare(_ assignment: RoundAssignment) async throws -> PreparedUpdate {
        if DurableFile.exists(memory) {
            return PreparedUpdate(
                bytes: try DurableFile.read(memory), cost: try await honest.cost(of: assignment.terms))
        }
        let first = try await honest.prepare(assignment)
        try DurableFile.replace(memory, with: first.bytes)
        return first
    }

    func finish(_ job: Digest) async { await honest.finish(job) }

    func stop() async { await honest.stop() }
}
