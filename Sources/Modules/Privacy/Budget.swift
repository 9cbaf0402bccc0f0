import Ledger
import Primitives

/// The budget of datasets, as functions for the modules above and for the actions of owners. Each checks everything
/// before
/// it writes anything.
public enum Budget {
    /// The most rounds that one reservation covers.
    public static let maximumRounds: UInt32 = 100_000

    public static func dataset(_ id: Digest, _ context: inout ModuleContext) throws(Refusal) -> DatasetRecord {
        guard let record = try context.load(DatasetRecord.self, at: PrivacyPaths.dataset(id)) else {
            throw PrivacyCode.datasetUnknown.refusal("dataset \(id)")
        }
        return record
    }

    /// The dataset, if `owner` owns it.
    public static func dataset(
        _ id: Digest, ownedBy owner: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) -> DatasetRecord {
        let record = try dataset(id, &context)
        guard record.owner == owner else { throw PrivacyCode.notOwner.refusal("dataset \(id) has another owner") }
        return record
    }

    /// Sets `rounds` times `costPerRound` aside for a job, if some order admits all of it beside what is spent and
    /// reserved.
    public static func reserve(
        _ body: ReserveBody, owner: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) {
        var record = try dataset(body.dataset, ownedBy: owner, &context)
        guard !record.isClosed else { throw PrivacyCode.datasetClosed.refusal("dataset \(body.dataset)") }
        guard (1...maximumRounds).contains(body.rounds), !body.costPerRound.isZero else {
            throw PrivacyCode.invalidCost.refusal("\(body.rounds) rounds, or a cost of nothing")
        }
        let path = PrivacyPaths.reservation(dataset: body.dataset, job: body.job)
        guard try context.load(ReservationRecord.self, at: path) == nil else {
            throw PrivacyCode.alreadyReserved.refusal("job \(body.job)")
        }
        guard let total = body.costPerRound.multiplied(by: body.rounds),
            let reserved = record.reserved.adding(total), let committed = record.spent.adding(reserved)
        else { throw PrivacyCode.costOverflow.refusal("\(body.rounds) rounds") }
        guard committed.isAdmitted(by: record.limits) else {
            throw PrivacyCode.budgetExceeded.refusal("\(body.rounds) rounds are over the limit at every order")
        }
        record.reserved = reserved
        try context.save(record, at: PrivacyPaths.dataset(body.dataset))
        try context.save(ReservationRecord(costPerRound: body.costPerRound, rounds: body.rounds), at: path)
        try emit(PrivacyEvent.budgetReserved, owner, &context) { encoder in
            encoder.array(count: 3)
            encoder.digest(body.dataset)
            encoder.digest(body.job)
            encoder.unsigned(body.rounds)
        }
    }

    /// Finalises the cost of one protected update. The same (job, round, commitment) again changes nothing and is
    /// accepted, unless it costs more than it was charged then; another commitment in the round costs again. The first
    /// of a round is paid out of the reservation while it lasts; what goes beyond it must be admitted like a new cost.
    /// - Returns: whether anything was charged.
    @discardableResult
    public static func spend(
        _ body: SpendBody, owner: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        var record = try dataset(body.dataset, ownedBy: owner, &context)
        let reservationPath = PrivacyPaths.reservation(dataset: body.dataset, job: body.job)
        guard var reservation = try context.load(ReservationRecord.self, at: reservationPath) else {
            throw PrivacyCode.reservationUnknown.refusal("job \(body.job)")
        }
        let spendPath = PrivacyPaths.spend(
            dataset: body.dataset, job: body.job, round: body.round, commitment: body.commitment)
        if let earlier = try context.load(SpendRecord.self, at: spendPath) {
            // Or whoever paid a little for a commitment could use it where it costs more.
            guard earlier.cost.covers(body.cost) else {
                throw PrivacyCode.spentForLess.refusal("round \(body.round): the commitment was charged less than this")
            }
            return false
        }
        guard !body.cost.isZero else { throw PrivacyCode.invalidCost.refusal("a cost of nothing") }

        let round = PrivacyPaths.spends(dataset: body.dataset, job: body.job, round: body.round)
        let isFirst = try context.list(SpendRecord.self, below: round, limit: 1).isEmpty
        // A successor has counted what was reserved as spent, and would not see more.
        if record.isClosed {
            guard isFirst, reservation.roundsLeft > 0, reservation.costPerRound.covers(body.cost) else {
                throw PrivacyCode.datasetClosed.refusal("only what was reserved before can still be spent")
            }
        }
        if isFirst, reservation.roundsLeft > 0 {
            guard let reserved = record.reserved.subtracting(reservation.costPerRound) else {
                throw PrivacyCode.nothingReserved.refusal("the dataset holds less than the reservation")
            }
            record.reserved = reserved
            reservation.roundsLeft -= 1
        }
        guard let spent = record.spent.adding(body.cost), let committed = spent.adding(record.reserved),
            let spentByJob = reservation.spent.adding(body.cost)
        else { throw PrivacyCode.costOverflow.refusal("round \(body.round)") }
        guard committed.isAdmitted(by: record.limits) else {
            throw PrivacyCode.budgetExceeded.refusal("round \(body.round) is over the limit at every order")
        }
        record.spent = spent
        reservation.spent = spentByJob
        try context.save(record, at: PrivacyPaths.dataset(body.dataset))
        try context.save(reservation, at: reservationPath)
        try context.save(SpendRecord(cost: body.cost, height: context.block.height), at: spendPath)
        try emit(PrivacyEvent.budgetSpent, owner, &context) { encoder in
            encoder.array(count: 4)
            encoder.digest(body.dataset)
            encoder.digest(body.job)
            encoder.unsigned(body.round)
            encoder.digest(body.commitment)
        }
        return true
    }

    /// Gives back what is reserved for rounds of which nothing has left. What was spent stays spent. Accepted again
    /// without effect.
    public static func release(
        _ body: ReleaseBody, owner: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) {
        var record = try dataset(body.dataset, ownedBy: owner, &context)
        let path = PrivacyPaths.reservation(dataset: body.dataset, job: body.job)
        guard var reservation = try context.load(ReservationRecord.self, at: path) else {
            throw PrivacyCode.reservationUnknown.refusal("job \(body.job)")
        }
        guard !reservation.isReleased else { return }
        guard let rest = reservation.costPerRound.multiplied(by: reservation.roundsLeft),
            let reserved = record.reserved.subtracting(rest)
        else { throw PrivacyCode.nothingReserved.refusal("the dataset holds less than the reservation") }
        let givenBack = reservation.roundsLeft
        record.reserved = reserved
        reservation.roundsLeft = 0
        reservation.isReleased = true
        try context.save(record, at: PrivacyPaths.dataset(body.dataset))
        try context.save(reservation, at: path)
        try emit(PrivacyEvent.budgetReleased, owner, &context) { encoder in
            encoder.array(count: 3)
            encoder.digest(body.dataset)
            encoder.digest(body.job)
            encoder.unsigned(givenBack)
        }
    }

    static func emit(
        _ event: PrivacyEvent, _ account: AccountID, _ context: inout ModuleContext, _ body: (inout CBOREncoder) -> Void
    ) throws(Refusal) {
        var encoder = CBOREncoder()
        body(&encoder)
        try context.emit(
            Event(
                module: PrivacyPaths.module, kind: event.rawValue, path: nil, accounts: [account],
                payload: encoder.finish()))
    }
}
