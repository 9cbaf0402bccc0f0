import Ledger
import Primitives

/// Budgets of datasets: owners register, reserve, spend, release and retire; Federation does so for its members.
public struct PrivacyModule: LedgerModule {
    public enum Action: String, CaseIterable, Sendable {
        case register, reserve, spend, release, retire
    }

    public init() {}

    public var name: String { PrivacyPaths.module }
    public var actions: [ModuleAction] { Action.allCases.map { ModuleAction($0.rawValue) } }

    /// The section is ignored: datasets are registered by their owners.
    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {}

    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {}

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        guard let action = Action(rawValue: call.action), call.version == 1 else {
            throw Refusal(.unknownAction, "\(call.action) version \(call.version)")
        }
        let owner = context.sender
        switch action {
        case .register: try register(try call.decode(), &context)
        case .reserve: try Budget.reserve(try call.decode(), owner: owner, &context)
        case .spend: try Budget.spend(try call.decode(), owner: owner, &context)
        case .release: try Budget.release(try call.decode(), owner: owner, &context)
        case .retire: try retire(try call.decode(), &context)
        }
    }

    private func register(_ body: DatasetRegistration, _ context: inout ModuleContext) throws(Refusal) {
        guard (1..<1_000_000_000_000).contains(body.deltaTrillionths) else {
            throw PrivacyCode.invalidField.refusal("delta lies between 0 and 1")
        }
        guard body.sizeBand > 0 else { throw PrivacyCode.invalidField.refusal("the size band is zero") }
        guard (body.unit == .person) == (body.maximumRecordsPerPerson > 0) else {
            throw PrivacyCode.invalidField.refusal(
                "a bound on a person's records belongs to the unit person, and only to it")
        }
        let id = DatasetRecord.id(owner: context.sender, label: body.label)
        guard try context.load(DatasetRecord.self, at: PrivacyPaths.dataset(id)) == nil else {
            throw PrivacyCode.datasetExists.refusal("dataset \(id)")
        }
        var inherited = CostVector.zero
        if let parentID = body.parent {
            var parent = try Budget.dataset(parentID, ownedBy: context.sender, &context)
            // One line of succession: two children of one parent could hold the same person, and charge her apart.
            guard parent.successor == nil else {
                throw PrivacyCode.datasetClosed.refusal("dataset \(parentID) has a successor")
            }
            guard parent.unit == body.unit, parent.relation == body.relation,
                parent.deltaTrillionths == body.deltaTrillionths, parent.limits.covers(body.limits)
            else { throw PrivacyCode.parentMismatch.refusal("unit, relation, delta or a limit above the parent's") }
            // Jobs that run on the parent may still spend what they reserved, so the child counts it as spent
            // already.
            guard let committed = parent.committed else { throw PrivacyCode.costOverflow.refusal("the parent's costs") }
            inherited = committed
            parent.successor = id
            try context.save(parent, at: PrivacyPaths.dataset(parentID))
        }
        let record = DatasetRecord(owner: context.sender, registration: body, spent: inherited)
        try context.save(record, at: PrivacyPaths.dataset(id))
        try Budget.emit(PrivacyEvent.datasetRegistered, context.sender, &context) { encoder in
            encoder.array(count: 2)
            encoder.digest(id)
            encoder.optional(body.parent)
        }
    }

    private func retire(_ body: RetireBody, _ context: inout ModuleContext) throws(Refusal) {
        var record = try Budget.dataset(body.dataset, ownedBy: context.sender, &context)
        guard !record.isRetired else { throw PrivacyCode.datasetClosed.refusal("retired already") }
        record.isRetired = true
        try context.save(record, at: PrivacyPaths.dataset(body.dataset))
        try Budget.emit(PrivacyEvent.datasetRetired, context.sender, &context) { encoder in
            encoder.array(count: 1)
            encoder.digest(body.dataset)
        }
    }
}
