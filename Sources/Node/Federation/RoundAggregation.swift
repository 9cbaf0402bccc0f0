import Federation
import Glibc
import Primitives
import Training

/// The next global model, from public inputs alone: the aggregator computes it to propose it, auditors to confirm it,
/// and all get the same bytes.
public enum RoundAggregation {
    /// A model as it is stored and named.
    public struct Result: Sendable {
        public let bytes: [UInt8]
        public let model: CID
        public let root: Digest
    }

    /// Sums the included members' updates, divides by their public size bands, and takes the server's step.
    ///
    /// The step's momentum is what the last published step did to the model, so that it needs no state of its own:
    /// whoever has the last two models has it.
    public static func next(
        _ job: JobReader, round number: UInt32, included: [UInt32], objects: any ObjectReader
    ) async throws -> Result {
        let terms = try TrainingTerms(job.terms)
        guard let round = try await job.round(number) else {
            throw UnusableTerms(field: "round", reason: "\(number) is not known")
        }
        var model = try Self.model(try await objects.bytes(of: round.modelBefore))
        var velocity = try await velocity(job, before: number, at: model, terms, objects)
        let submitted = try await job.readingSubmissions(number, of: included)
        var updates: [ReleasedUpdate] = []
        for index in included {
            updates.append(try await update(submitted, round: number, member: index, terms, objects))
        }
        try terms.step.apply(updates, to: &model, velocity: &velocity)
        let bytes = try model.safetensors().encoded()
        return Result(bytes: bytes, model: CID.of(raw: bytes), root: ModelCommitment(of: bytes).root)
    }

    static func model(_ bytes: [UInt8]) throws(TrainingError) -> DenseModel {
        try DenseModel(file: Safetensors.decode(bytes))
    }

    /// The most that an update can have: 8 bytes a parameter, and what says how to read them.
    static func updateLimitBytes(_ terms: TrainingTerms) -> Int { 8 * terms.architecture.parameterCount + 65_536 }

    /// A member's update. Its weight and noise are those that the ledger says; one that claims others is malformed.
    static func update(
        _ job: JobReader, round: UInt32, member index: UInt32, _ terms: TrainingTerms, _ objects: any ObjectReader
    ) async throws -> ReleasedUpdate {
        guard index < job.terms.members.count else {
            throw UnusableTerms(field: "included", reason: "there is no member \(index)")
        }
        let account = job.terms.members[Int(index)]
        guard let submission = try await job.submission(round, account), let id = submission.update,
            let member = try await job.member(account)
        else { throw UnusableTerms(field: "included", reason: "member \(index) has revealed no update") }
        let bytes = try await objects.bytes(of: id, atMost: updateLimitBytes(terms))
        let update = try ReleasedUpdate(file: Safetensors.decode(bytes))
        // One update has one file: equal numbers under another id would be no replay to the ledger.
        guard try areEqual(update.safetensors().encoded(), bytes) else {
            throw TrainingError(.malformed, "is written in another way than updates are", at: "update")
        }
        // What it says of itself is what the ledger says: with another band beside the same numbers it would have
        // another id, and be no replay either.
        guard update.recordBand == Int(member.sizeBand), update.noiseUnits == Int64(clamping: terms.noiseUnits) else {
            throw TrainingError(
                .malformed,
                "says band \(update.recordBand) and noise \(update.noiseUnits), and the ledger "
                    + "\(member.sizeBand) and \(terms.noiseUnits)", at: "update")
        }
        return update
    }

    /// In one comparison of memory; that of arrays goes byte by byte.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                guard let from = left.baseAddress, let to = right.baseAddress else { return true }
                return memcmp(from, to, left.count) == 0
            }
        }
    }

    /// (model before the last step - model after it) / learning rate; empty where no step has been taken.
    private static func velocity(
        _ job: JobReader, before number: UInt32, at model: DenseModel, _ terms: TrainingTerms,
        _ objects: any ObjectReader
    ) async throws -> [Float] {
        guard number > 1, terms.momentumMillionths > 0,
            let lineage = try await job.lineage(number - 1)
        else { return [] }
        let previous = try Self.model(try await objects.bytes(of: lineage.previous))
        let rate = terms.step.learningRate
        return zip(previous.parameters, model.parameters).map { ($0 - $1) / rate }
    }
}
