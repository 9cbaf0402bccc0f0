import Ledger
import Primitives

/// What a site has to know of its budget before it accepts a job or commits an update, from the values of two leaves:
/// `PrivacyPaths.dataset` and, once the job is accepted, `PrivacyPaths.reservation`. The caller has proven both, or the
/// absence of the second.
public struct BudgetView: Hashable, Sendable {
    public let dataset: DatasetRecord
    public let reservation: ReservationRecord?

    public init(dataset: [UInt8], reservation: [UInt8]?) throws(CBORError) {
        self.dataset = try DatasetRecord.decode(dataset)
        if let reservation {
            self.reservation = try ReservationRecord.decode(reservation)
        } else {
            self.reservation = nil
        }
    }

    /// The rounds that a job of this cost could reserve now, at most `bound`. Zero for a closed dataset.
    public func roundsToReserve(of cost: CostVector, upTo bound: UInt32) -> UInt32 {
        dataset.isClosed ? 0 : dataset.admittedRounds(of: cost, upTo: bound)
    }

    /// Whether the ledger would admit `cost` for the first update of a new round of the job.
    public func admitsNextRound(_ cost: CostVector) -> Bool {
        guard let reservation else { return false }
        guard reservation.roundsLeft > 0, let rest = dataset.reserved.subtracting(reservation.costPerRound) else {
            return !dataset.isClosed && dataset.admits(cost)
        }
        if dataset.isClosed { return reservation.costPerRound.covers(cost) }
        return dataset.spent.adding(rest)?.adding(cost)?.isAdmitted(by: dataset.limits) ?? false
    }
}
