import Federation
import Ledger
import Primitives
import Privacy

/// What a site says of itself on the ledger once: its dataset's budget, and the verifiers that it can audit with.
struct SiteSetup: Sendable {
    let policy: SitePolicy
    let state: any StateReader
    let sender: any TransactionSender

    /// The file that keeps the dataset's label: random, so that the id says nothing about the data.
    private var labelPath: String { "\(policy.dataFolder)/dataset.label" }

    /// The label, made and stored the first time, so that a restart finds the same dataset.
    func label() throws -> Digest {
        if DurableFile.exists(labelPath) {
            let bytes = try DurableFile.read(labelPath, limitBytes: 64)
            guard let label = Digest(bytes: bytes) else {
                throw FileError(operation: "read", path: labelPath, reason: "\(bytes.count) bytes are no label")
            }
            return label
        }
        try DurableFile.makeFolder(policy.dataFolder, mode: 0o711)
        let label = Digest.blake2b256(SecureRandom.bytes(count: 32))
        try DurableFile.replace(labelPath, with: label.bytes, mode: 0o600)
        return label
    }

    /// Registers the dataset with the limits of the policy's total budget, if the ledger does not know it yet.
    func registerDataset() async throws -> Digest {
        let label = try label()
        let id = DatasetRecord.id(owner: sender.account, label: label)
        if try await state.record(DatasetRecord.self, at: PrivacyPaths.dataset(id).bytes) != nil { return id }
        let weakest = policy.weakest
        let body = DatasetRegistration(
            label: label, unit: weakest.unit, relation: weakest.relation, deltaTrillionths: weakest.deltaTrillionths,
            sizeBand: UInt32(clamping: policy.sizeBand),
            maximumRecordsPerPerson: weakest.unit == .person ? UInt32(clamping: policy.recordsPerPerson) : 0,
            limits: RenyiConversion.limits(
                epsilon: policy.epsilonTotal, deltaTrillionths: weakest.deltaTrillionths))
        try await send(PrivacyPaths.module, "register", body.encoded())
        return id
    }

    /// Offers the site as an auditor for the verifiers that it holds.
    func registerAuditor(_ verifiers: [PluginReference]) async throws {
        let path = FederationPaths.auditor(sender.account).bytes
        if let record = try await state.record(AuditorRecord.self, at: path), record.verifiers == verifiers { return }
        try await send(
            FederationPaths.module, "register_auditor", RegisterAuditorBody(verifiers: verifiers).encoded())
    }

    private func send(_ module: String, _ action: String, _ body: [UInt8]) async throws {
        let code = try await sender.send(module: module, action: action, body: body, payer: nil)
        guard code == .ok else { throw ActionRefused(module: module, action: action, code: code) }
    }
}
