import FoundationEssentials
import Ledger
import Market
import Node
import NodeAPI
import Primitives
import Training

/// A requester of the market: submits a task and follows it to its end.
struct TaskRequester: Sendable {
    let account: AccountID
    private let key: SecretKey
    private let service: any NodeService
    private let chain: SigningChain
    /// Apart from the lane of payments and jobs.
    private static let lane: UInt8 = 2

    init(key: SecretKey, client: any NodeService, chain: SigningChain = SigningChain(expected: nil)) {
        self.chain = chain
        self.key = key
        account = AccountID(key.publicKey)
        service = client
    }

    /// The task's id. Throws when the ledger refuses it.
    func submit(_ terms: TaskTerms, _ input: TaskInput) async throws -> Digest {
        let bytes = input.encoded()
        _ = try await service.putObject(CID.of(raw: bytes), from: BytesSource(bytes))
        return try await send("submit", SubmitTaskBody(terms: terms))
    }

    /// The first task that this requester ever submitted, as events tell; nil when there is none.
    func firstTask() async throws -> Digest? {
        var cursor = EventCursor.start
        while true {
            let page = try await service.events(
                EventQuery(
                    after: cursor, filter: EventFilter(module: MarketPaths.module, account: account), limit: 500,
                    wait: .zero))
            for event in page.events where event.kind == MarketEvent.taskSubmitted.rawValue {
                return try CBORDecoder.read(event.payload) { (decoder) throws(CBORError) -> Digest in
                    let count = try decoder.array()
                    let task = try decoder.digest()
                    for _ in 1..<max(count, 1) { try decoder.skip() }
                    return task
                }
            }
            guard !page.events.isEmpty, page.next > cursor else { return nil }
            cursor = page.next
        }
    }

    @discardableResult
    func send(_ action: String, _ body: some CBORCodable) async throws -> Digest {
        let status = try await service.status()
        let view = try await service.account(account)
        let transaction = Transaction(
            TransactionBody(
                chain: try chain.of(status), account: account, lane: Self.lane,
                sequence: view.nextSequence(lane: Self.lane), validUntilHeight: status.height + 1_000, payer: nil,
                feeLimit: TransactionFees.agentLimit, module: MarketPaths.module, call: ActionCall(action, body)),
            signedBy: [key])
        _ = try await service.submit(transaction.encoded)
        guard let receipt = try await service.receipt(of: transaction.id, waitingAtMost: .seconds(30)) else {
            throw CommandFailure(.timeout, "the ledger has not decided market.\(action) in 30 s")
        }
        guard receipt.succeeded else {
            throw CommandFailure(
                .refused, "the ledger refused market.\(action): \(TransactionResult.name(receipt.resultCode))",
                hint: receipt.detail.isEmpty ? nil : receipt.detail)
        }
        return transaction.id
    }

    /// Follows a task; `act` is told of every change.
    func wait(
        for task: Digest, _ output: OutputOptions?, _ act: (TaskRecord) async throws -> Void
    ) async throws -> TaskRecord {
        var cursor = EventCursor.start
        var seen: TaskRecord?
        while true {
            guard let value = try await service.state(at: MarketPaths.task(task).bytes).value else {
                throw CommandFailure(.notFound, "there is no task \(task.hex)")
            }
            let record = try TaskRecord.decode(value)
            if record != seen {
                seen = record
                output?.note("\(record.status): \(record.replicas.count) assigned, paid \(record.paid)")
                try await act(record)
                // Providers are drawn by the beacon of a later block; on a quiet chain somebody has to make one.
                if record.status == .matching { try await push(task) }
            }
            if record.status == .done || record.status == .cancelled { return record }
            let query = EventQuery(
                after: cursor, filter: EventFilter(module: MarketPaths.module), limit: 500, wait: .seconds(1))
            cursor = try await service.events(query).next
            try await giveTimeAPush(task, record)
        }
    }

    /// Nobody may be left to say that time has run out.
    private func giveTimeAPush(_ task: Digest, _ record: TaskRecord) async throws {
        guard WallClock.milliseconds() > record.deadlineMilliseconds + 2_000 else { return }
        try await push(task)
    }

    private func push(_ task: Digest) async throws {
        do { try await send("advance", TaskBody(task: task)) } catch let error as CommandFailure {
            guard error.status == .refused else { throw error }
        }
    }
}

/// Files that tasks work on, where providers can fetch them.
enum TaskObjects {
    /// Stores a file; a CID stands for what is stored already.
    static func store(_ reference: String, _ client: any NodeService) async throws -> CID {
        if !DurableFile.exists(reference), let id = try? CID(text: reference) { return id }
        let bytes = try readBytes(reference, limitBytes: 1 << 31)
        let id = CID.of(raw: bytes)
        _ = try await client.putObject(id, from: BytesSource(bytes))
        return id
    }
}

/// The answer of a benchmark, computed as the trainer computes it.
enum BenchmarkAnswer {
    static func bytes(widths: String, records: Int, seed: UInt64) throws -> [UInt8] {
        try BenchmarkTask.answer(architecture: DenseArchitecture(widths), records: records, seed: seed)
            .safetensors().encoded()
    }
}

/// How a task's record is shown.
enum TaskReport {
    /// What an evaluation says.
    struct Evaluation: Codable, Sendable {
        var correct: Int
        var count: Int
        var loss_e6: Int
    }

    static func emit(
        _ id: Digest, _ record: TaskRecord, _ client: any NodeService, _ output: OutputOptions
    ) async throws -> ExitStatus {
        let accepted = record.replicas.first { $0.outcome == .accepted }?.result
        let evaluation = try await evaluation(accepted, client)
        var document = CBORMap([
            ("id", .text(id.hex)), ("status", .text("\(record.status)")), ("paid", .text("\(record.paid)")),
            ("refunded", .text("\(record.refunded)")), ("audited", .bool(record.isAudited)),
            ("replicas", .array(record.replicas.map { .map(replica($0)) })),
            ("result", accepted.map { .text($0.text) } ?? .null),
        ])
        if let evaluation {
            document["correct"] = .integer(Int64(evaluation.correct))
            document["count"] = .integer(Int64(evaluation.count))
        }
        output.emit("task", document) { style in
            var facts = FactList()
            facts.add("task", id.hex)
            facts.add("status", "\(record.status)")
            for replica in record.replicas {
                facts.add("  \(replica.outcome)", "\(replica.provider.text), \(replica.price) tokens")
            }
            for mismatch in record.mismatches {
                facts.add("  no match", "\(mismatch.offers) offers: \(mismatch.reason)")
            }
            if record.isAuditDrawn, !record.verdicts.isEmpty {
                facts.add("auditors", record.isAudited ? "computed it again" : "at hand, not needed")
            }
            if let accepted { facts.add("result", accepted.text) }
            if let evaluation, evaluation.count > 0 {
                let share = Double(evaluation.correct) / Double(evaluation.count)
                facts.add(
                    "accuracy",
                    "\(HumanUnits.fixed(share, decimals: 4)), \(evaluation.correct) of \(evaluation.count) records")
            }
            facts.add("paid", "\(record.paid), back \(record.refunded)")
            return facts.text(style)
        }
        return accepted == nil ? .failed : .ok
    }

    /// The accepted result, where it is an evaluation.
    static func evaluation(_ result: CID?, _ client: any NodeService) async throws -> Evaluation? {
        guard let result, let size = try await client.objectSize(result), size < 1_024 else { return nil }
        let sink = BytesSink(limitBytes: 1_024)
        _ = try await client.getObject(result, into: sink)
        return try? JSONDecoder().decode(Evaluation.self, from: Data(sink.bytes))
    }

    private static func replica(_ replica: Replica) -> CBORMap {
        CBORMap([
            ("provider", .text(replica.provider.text)), ("price", .text("\(replica.price)")),
            ("outcome", .text("\(replica.outcome)")), ("result", replica.result.map { .text($0.text) } ?? .null),
        ])
    }
}
