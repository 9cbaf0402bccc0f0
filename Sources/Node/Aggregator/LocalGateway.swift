import Ledger
import Primitives

/// The node's own ledger and objects, for agents that run inside it. The node believes itself: no proofs.
struct LocalGateway: AggregatorGateway {
    let runtime: NodeRuntime
    let openJobs: OpenJobs

    private var reader: LocalReader { LocalReader(runtime: runtime) }

    func value(at path: [UInt8]) async throws -> [UInt8]? { try await reader.value(at: path) }
    func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] { try await reader.values(at: paths) }
    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { try await reader.head() }

    func bytes(of id: CID) async throws -> [UInt8] { try runtime.objects.get(id) }

    func store(object: [UInt8]) async throws { try runtime.objects.put(object) }

    func jobs() async throws -> [Digest] { try await openJobs.list() }

    func waitForBlock(after height: UInt64) async throws {
        await runtime.signal.wait(above: height, atMost: .seconds(1))
        try Task.checkCancellation()
    }

    func nowMilliseconds() -> UInt64 { WallClock.milliseconds() }
}

/// The state of the node's own ledger.
struct LocalReader: StateReader {
    let runtime: NodeRuntime

    func value(at path: [UInt8]) async throws -> [UInt8]? {
        try await runtime.kernel.perform { host in
            try host.checkDurable()
            return host.state().store.get(path)
        }
    }

    func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
        try await runtime.kernel.perform { host in
            try host.checkDurable()
            let store = host.state().store
            return paths.map { store.get($0) }
        }
    }

    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) {
        try await runtime.kernel.perform { ($0.kernel.head.height, $0.kernel.head.timeMilliseconds) }
    }
}

/// Signs and submits inside the node.
struct LocalSender: TransactionSender {
    let runtime: NodeRuntime
    let key: SecretKey

    var account: AccountID { AccountID(key.publicKey) }

    func send(module: String, action: String, body: [UInt8], payer: AccountID?) async throws -> ResultCode {
        let view = try await runtime.account(account)
        let transaction = Transaction(
            TransactionBody(
                chain: runtime.chain, account: account, lane: 0, sequence: view.nextSequence(lane: 0),
                validUntilHeight: view.height + 1_000, payer: payer, feeLimit: TransactionFees.agentLimit,
                module: module, call: ActionCall(action: action, body: body)),
            signedBy: [key])
        switch try await runtime.submit(transaction.encoded, waitingAtMost: .seconds(30)) {
        case .decided(let receipt): return ResultCode(rawValue: receipt.resultCode)
        case .pending(let id): throw ServiceError(.timeout, "no block holds transaction \(id) after 30 s")
        }
    }
}

/// What agents are ready to pay, in all places the same.
public enum TransactionFees {
    /// The fee limit of transactions that agents send: a hundredth of a token, many times the fee of the largest.
    public static let agentLimit = Amount(baseUnits: 10_000_000_000_000_000)
}
