import Federation
import Ledger
import Primitives
import Privacy

/// How a site makes itself known on the ledger, when a job invites it.
public protocol SiteIntroduction: Sendable {
    /// The dataset as the ledger would keep it, before anything is spent.
    var dataset: DatasetRecord { get }
    /// Says what the ledger does not know yet.
    ///
    /// - Parameter payer: whose tokens pay for it; nil for the site's own.
    func introduce(payer: AccountID?) async throws
}

/// What a site says of itself on the ledger once: its dataset's budget, and the verifiers that it can audit with.
struct SiteSetup: SiteIntroduction {
    let policy: SitePolicy
    let key: SecretKey
    let state: any StateReader
    let sender: any TransactionSender
    /// What the site can audit with.
    let verifiers: [PluginReference]

    var dataset: DatasetRecord {
        DatasetRecord(owner: sender.account, registration: Self.registration(policy, label: label), spent: .zero)
    }

    func introduce(payer: AccountID?) async throws {
        try await registerDataset(payer)
        try await registerAuditor(payer)
    }

    /// Whether the site's own account can pay for introducing itself.
    func canPay() async throws -> Bool {
        let account = try await state.record(Account.self, at: Account.path(sender.account))
        return try account.map { $0.balance >= (try TransactionFees.agentLimit.multiplied(by: 2)) } ?? false
    }

    /// The dataset's label: from the site's key and the dataset's name, so that it says nothing about the data, and a
    /// site that has lost its folder comes back to the same budget and not to a new one.
    var label: Digest { key.secretDigest(of: "dataset-label", policy.datasetName) }

    /// The dataset's id on the ledger.
    var datasetID: Digest { DatasetRecord.id(owner: sender.account, label: label) }

    /// Registers the dataset with the limits of the policy's total budget, if the ledger does not know it yet.
    private func registerDataset(_ payer: AccountID?) async throws {
        let path = PrivacyPaths.dataset(datasetID).bytes
        if try await state.record(DatasetRecord.self, at: path) != nil { return }
        let body = Self.registration(policy, label: label)
        try await send(PrivacyPaths.module, "register", body.encoded(), payer)
    }

    /// The dataset as the policy describes it, with the limits of its whole budget.
    static func registration(_ policy: SitePolicy, label: Digest) -> DatasetRegistration {
        let weakest = policy.weakest
        return DatasetRegistration(
            label: label, unit: weakest.unit, relation: weakest.relation, deltaTrillionths: weakest.deltaTrillionths,
            sizeBand: UInt32(clamping: policy.sizeBand),
            maximumRecordsPerPerson: 0,
            limits: RenyiConversion.limits(
                epsilon: policy.epsilonTotal, deltaTrillionths: weakest.deltaTrillionths))
    }

    /// Offers the site as an auditor for the verifiers that it holds.
    private func registerAuditor(_ payer: AccountID?) async throws {
        let path = FederationPaths.auditor(sender.account).bytes
        if let record = try await state.record(AuditorRecord.self, at: path), record.verifiers == verifiers { return }
        let body = RegisterAuditorBody(verifiers: verifiers)
        try await send(FederationPaths.module, "register_auditor", body.encoded(), payer)
    }

    private func send(_ module: String, _ action: String, _ body: [UInt8], _ payer: AccountID?) async throws {
        let code = try await sender.send(module: module, action: action, body: body, payer: payer)
        guard code == .ok else { throw ActionRefused(module: module, action: action, code: code) }
    }
}
