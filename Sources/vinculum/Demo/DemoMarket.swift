import Ledger
import Market
import Node
import Primitives
import Training

/// What a requester does with a finished model: has it evaluated on the public records, by sites that lend their
/// machines and do not see each other's answer.
struct DemoMarket: Sendable {
    let ledger: DemoLedger
    let marker: DemoMarker
    let folder: DemoFolder
    let accounts: [AccountID]

    static let replicas: UInt32 = 2
    static let auditors: UInt32 = 1
    private static let deadline: Duration = .seconds(20)

    /// Buys the evaluation once, however often the demo is resumed.
    func evaluation(of model: CID) async throws -> DemoReport.Evaluation {
        let requester = TaskRequester(key: try SecretKey.load(from: folder.requesterKey), client: ledger.service)
        // A node that is killed meanwhile is started again; what it had decided by then is found, not bought twice.
        let (task, record) = try await ledger.asking(atMost: .seconds(60)) {
            let task = try await bought(requester, model)
            return (task, try await requester.wait(for: task, nil) { _ in })
        }
        let accepted = record.replicas.first { $0.outcome == .accepted }?.result
        let found = try await TaskReport.evaluation(accepted, ledger.service)
        return DemoReport.Evaluation(
            task: task.hex, status: "\(record.status)",
            replicas: record.replicas.map {
                .init(provider: name($0.provider), outcome: "\($0.outcome)", price: "\($0.price)")
            },
            auditors: record.verdicts.map { name($0.auditor) }, audited: record.isAudited,
            correct: found?.correct ?? 0, count: found?.count ?? 0, correctHere: try await correctHere(model),
            paid: "\(record.paid)", refunded: "\(record.refunded)")
    }

    /// The task that was submitted, now or before.
    private func bought(_ requester: TaskRequester, _ model: CID) async throws -> Digest {
        if let known = try await requester.firstTask() { return known }
        let input = TaskInput.evaluation(
            model: model, data: try CID(text: marker.holdout), inputFactor: marker.task.inputFactor,
            inputOffset: marker.task.inputOffset)
        return try await requester.submit(
            MarketRequest.terms(
                program: try ConfigurationFiles.shippedTrainerDigest, input: CID.of(raw: input.encoded()),
                kind: .evaluation, price: Amount(tokens: 1), replicas: Self.replicas, auditors: Self.auditors,
                auditorFee: Amount(tokens: 1), deadline: Self.deadline), input)
    }

    /// The same, computed by the demo itself.
    private func correctHere(_ model: CID) async throws -> Int {
        let bytes = try await ledger.object(model)
        let (folder, scaling) = (folder, marker.task.scaling)
        return try await BackgroundThread.run {
            let model = try DenseModel(file: Safetensors.decode(bytes))
            let records = try Dataset(
                file: Safetensors.read(folder.holdout), classCount: model.architecture.classCount, scaling: scaling)
            return try Training.Evaluation(of: model, on: records).correctCount
        }
    }

    private func name(_ account: AccountID) -> String {
        zip(marker.plan.sites, accounts).first { $0.1 == account }?.0.name ?? account.text
    }
}
