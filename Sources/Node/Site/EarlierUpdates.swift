import Federation
import PluginHost
import Primitives
import Training

/// Finds updates that were released before, by any member, and come again with some numbers changed. The same bytes are
/// found by the ledger itself, whatever round they are from.
enum EarlierUpdates {
    /// How many rounds before the judged one are compared with: nodes keep the updates of at least as many.
    static let comparedRounds: UInt32 = 2

    /// Where the noise of an update was seen before.
    struct Reuse: Hashable, Sendable {
        let round: UInt32
        let member: UInt32
        let update: CID

        /// As `vin_verifier_result` names it.
        var subject: UInt64 { UInt64(round) << 32 | UInt64(member) }
    }

    /// By member; the earliest one counts. Everybody who has the earlier updates finds the same. One that is not to be
    /// had any more is passed over.
    static func reuses(
        in updates: [UInt32: ReleasedUpdate], _ job: JobReader, round number: UInt32, _ terms: TrainingTerms,
        _ objects: any ObjectReader
    ) async throws -> [UInt32: Reuse] {
        guard terms.noiseUnits > 0, number > 1, !updates.isEmpty else { return [:] }
        let noiseUnits = Int64(clamping: terms.noiseUnits)
        var found: [UInt32: Reuse] = [:]
        for earlier in max(1, number - min(number - 1, comparedRounds))..<number {
            guard let round = try await job.round(earlier) else { continue }
            let submissions = try await job.submissions(earlier, of: round)
            for member in submissions.keys.sorted() {
                guard let id = submissions[member]?.update, submissions[member]?.state == .revealed,
                    let sum = try await sum(of: id, terms, objects)
                else { continue }
                for (index, update) in updates where found[index] == nil {
                    guard NoiseReuse.holds(update.sum, sum, noiseUnits: noiseUnits) else { continue }
                    found[index] = Reuse(round: earlier, member: member, update: id)
                }
            }
        }
        return found
    }

    /// One at a time: a large federation's updates do not lie in memory together.
    private static func sum(
        of id: CID, _ terms: TrainingTerms, _ objects: any ObjectReader
    ) async throws -> [Int64]? {
        do {
            let bytes = try await objects.bytes(of: id, atMost: RoundAggregation.updateLimitBytes(terms))
            return try ReleasedUpdate(file: Safetensors.decode(bytes)).sum
        } catch is TrainingError {
            return nil
        } catch LightClientError.oversized {
            return nil
        } catch ObjectStoreError.unknown {
            return nil
        } catch let error as ServiceError where error.code == .notFound {
            return nil
        }
    }
}
