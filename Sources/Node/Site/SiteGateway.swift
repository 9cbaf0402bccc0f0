import Ledger
import Primitives

/// All that a site needs of the world. Whoever implements it checks every answer: values against a certified header,
/// objects against their ids.
public protocol SiteGateway: StateReader {
    /// The chain's id, from the configured genesis.
    var chain: CID { get }
    /// Jobs whose events named the account: hints, to be read from the state before anything is believed.
    func jobs(concerning account: AccountID) async throws -> [Digest]
    /// A job that has ended, as its record says: it is not named again before an event does.
    func forget(_ job: Digest) async
    /// The bytes of an object, checked against its id.
    func object(_ id: CID) async throws -> [UInt8]
    /// As `object(_:)`; a larger object is not kept in memory, and is thrown as oversized once its id is checked.
    func object(_ id: CID, atMost limit: Int) async throws -> [UInt8]
    /// Stores an object where the job's parties can fetch it.
    func store(object: [UInt8], as id: CID) async throws
    /// Sends a transaction and waits until a block holds it. The code is the node's word: callers read the state anew
    /// and believe that.
    func submit(_ transaction: Transaction) async throws -> ResultCode
    /// Returns when there is a block after `height`, or when it is time to look again anyway.
    func waitForBlock(after height: UInt64) async throws
}

/// Signs with one key and sends through a gateway. Transactions of one lane go one after the other.
public actor SignedSender: TransactionSender {
    public nonisolated let account: AccountID
    private let key: SecretKey
    private let lane: UInt8
    private let gateway: any SiteGateway
    private let feeLimit: Amount
    /// How many blocks a transaction stays valid: long enough for a busy chain, short enough to be forgotten soon.
    private static let validBlocks: UInt64 = 1_000
    /// The lane's next sequence, where the last transaction is known to be in a block.
    private var nextSequence: UInt64?
    private var isSending = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    public init(key: SecretKey, lane: UInt8, gateway: any SiteGateway, feeLimit: Amount) {
        account = AccountID(key.publicKey)
        self.key = key
        self.lane = lane
        self.gateway = gateway
        self.feeLimit = feeLimit
    }

    public func send(
        module: String, action: String, body: [UInt8], payer: AccountID?
    ) async throws -> ResultCode {
        try await sendNamed(module: module, action: action, body: body, payer: payer).code
    }

    /// As `send`, with the transaction's id: what jobs, tasks and offers are known by.
    public func sendNamed(
        module: String, action: String, body: [UInt8], payer: AccountID? = nil
    ) async throws -> (id: Digest, code: ResultCode) {
        await enter()
        defer { leave() }
        let sequence = try await sequence()
        let height = try await gateway.head().height
        let transaction = Transaction(
            TransactionBody(
                chain: gateway.chain, account: account, lane: lane, sequence: sequence,
                validUntilHeight: height + Self.validBlocks, payer: payer, feeLimit: feeLimit, module: module,
                call: ActionCall(action: action, body: body)),
            signedBy: [key])
        nextSequence = nil
        let code = try await gateway.submit(transaction)
        nextSequence = sequence + 1
        return (transaction.id, code)
    }

    /// Another process with the same key may have used the lane: then the transaction is refused, and the ledger is
    /// asked the next time.
    private func sequence() async throws -> UInt64 {
        if let nextSequence { return nextSequence }
        return try await gateway.record(Account.self, at: Account.path(account))?.sequences[lane] ?? 0
    }

    private func enter() async {
        if isSending { await withCheckedContinuation { waiting.append($0) } } else { isSending = true }
    }

    private func leave() {
        if waiting.isEmpty { isSending = false } else { waiting.removeFirst().resume() }
    }
}
