import Primitives

/// The block that a module executes in.
public struct BlockInfo: Hashable, Sendable {
    public let height: UInt64
    /// Milliseconds since 1970-01-01 UTC; above the parent's.
    public let timeMilliseconds: UInt64
    /// The block's randomness, unknown before the block that precedes it was decided.
    public let beacon: Digest
    /// The account of the validator that proposed the block.
    public let proposer: AccountID

    public init(height: UInt64, timeMilliseconds: UInt64, beacon: Digest, proposer: AccountID) {
        self.height = height
        self.timeMilliseconds = timeMilliseconds
        self.beacon = beacon
        self.proposer = proposer
    }
}

/// A module's window on the ledger while it executes: the state, native balances, events, units. A value of one thread,
/// that lives as long as the call.
///
/// Paths are absolute (`m/NAME/…`). A module reads everything and writes only below its own prefix; a function of an
/// earlier module that another one calls does its writes inside `acting(as:)`.
public struct ModuleContext {
    public let chain: CID
    public let block: BlockInfo
    public let parameters: LedgerParameters
    /// Who sent the transaction. At genesis and at the end of a block: the proposer.
    public internal(set) var sender: AccountID
    /// Zero at genesis and at the end of a block.
    public internal(set) var transactionID: Digest
    /// The module whose rules run.
    public internal(set) var module: String
    var overlay: StateOverlay
    var events: [Event] = []
    public internal(set) var unitsUsed: UInt64 = 0
    var unitLimit: UInt64 = .max
    /// Fees of the block's transactions that no module has shared out yet.
    public internal(set) var collectedFees: Amount = .zero
    var growthLimit: Int = .max

    // MARK: Units

    /// Counts work; refuses when the fee limit does not pay for it.
    public mutating func charge(units: UInt64) throws(Refusal) {
        let (sum, overflow) = unitsUsed.addingReportingOverflow(units)
        guard !overflow, sum <= unitLimit else {
            unitsUsed = unitLimit
            throw Refusal(.feeLimitExceeded, "the fee limit pays for \(unitLimit) units")
        }
        unitsUsed = sum
    }

    // MARK: State

    /// `m/NAME/` + `suffix` of the running module.
    public func path(_ suffix: String) -> [UInt8] { Array("m/\(module)/\(suffix)".utf8) }

    /// `m/NAME/` + `folder` + `/` + `id` of the running module.
    public func path(_ folder: String, _ id: [UInt8]) -> [UInt8] { Array("m/\(module)/\(folder)/".utf8) + id }

    public mutating func get(_ path: [UInt8]) throws(Refusal) -> [UInt8]? {
        try charge(units: parameters.fees.unitsPerRead)
        return overlay.get(path)
    }

    /// The record at `path`, nil if there is none; `stateCorrupt` if it is of another type.
    public mutating func record<Record: CBORCodable>(
        _ type: Record.Type = Record.self, at path: [UInt8]
    ) throws(Refusal) -> Record? {
        guard let bytes = try get(path) else { return nil }
        do { return try Record.decode(bytes) } catch {
            throw Refusal(.stateCorrupt, "\(String(decoding: path, as: UTF8.self)): \(error)")
        }
    }

    /// Entries below `prefix`, in the order of their paths; only paths of modules (`m/`) can be listed.
    public mutating func scan(
        prefix: [UInt8], from start: [UInt8] = [], limit: Int = 1_000
    ) throws(Refusal) -> [StateEntry] {
        guard prefix.starts(with: "m/".utf8) else {
            throw Refusal(.pathNotOwned, "only paths of modules can be listed")
        }
        let entries = overlay.scan(prefix: prefix, from: start, limit: limit)
        try charge(units: parameters.fees.unitsPerRead &* UInt64(entries.count + 1))
        return entries
    }

    public mutating func put(_ path: [UInt8], _ value: [UInt8]) throws(Refusal) {
        try checkOwned(path)
        let fees = parameters.fees
        try charge(units: fees.unitsPerWrite &+ fees.unitsPerByte &* UInt64(path.count + value.count))
        overlay.put(path, value)
        try checkGrowth()
    }

    public mutating func put(_ path: [UInt8], _ record: some CBORCodable) throws(Refusal) {
        try put(path, record.encoded())
    }

    public mutating func delete(_ path: [UInt8]) throws(Refusal) {
        try checkOwned(path)
        try charge(units: parameters.fees.unitsPerWrite)
        overlay.delete(path)
    }

    private func checkOwned(_ path: [UInt8]) throws(Refusal) {
        guard path.count <= StateTree.maximumPathByteCount else {
            throw Refusal(.pathTooLong, "\(path.count) bytes; the limit is \(StateTree.maximumPathByteCount)")
        }
        let prefix = "m/\(module)/".utf8
        guard path.count > prefix.count, path.starts(with: prefix) else {
            throw Refusal(.pathNotOwned, "\(module) writes only below m/\(module)/")
        }
    }

    private func checkGrowth() throws(Refusal) {
        guard overlay.growth <= growthLimit else {
            throw Refusal(.stateFull, "the state has reached \(parameters.stateByteLimit) bytes")
        }
    }

    /// Runs a function of another module under its own prefix: how an earlier module's Swift functions write when a
    /// later module calls them.
    public mutating func acting<Result>(
        as name: String, _ body: (inout ModuleContext) throws(Refusal) -> Result
    ) throws(Refusal) -> Result {
        let caller = module
        module = name
        defer { module = caller }
        return try body(&self)
    }

    // MARK: Events

    public mutating func emit(_ event: Event) throws(Refusal) {
        let size = event.payload.count + 33 * event.accounts.count + (event.path?.count ?? 0) + 16
        try charge(units: parameters.fees.unitsPerByte &* UInt64(size))
        events.append(event)
    }

    /// An event of the running module.
    public mutating func emit(
        _ kind: String, path: [UInt8]? = nil, accounts: [AccountID] = [], _ payload: some CBORCodable
    ) throws(Refusal) {
        try emit(Event(module: module, kind: kind, path: path, accounts: accounts, payload: payload.encoded()))
    }

    // MARK: Native balances

    public mutating func account(_ id: AccountID) throws(Refusal) -> Account { try overlay.account(id) }

    public mutating func balance(of id: AccountID) throws(Refusal) -> Amount { try overlay.account(id).balance }

    /// Moves `amount`. The running module answers for the right to: the sender's own account, or an account that is
    /// derived from the module.
    public mutating func transfer(from: AccountID, to: AccountID, amount: Amount) throws(Refusal) {
        try charge(units: 2 &* parameters.fees.unitsPerWrite)
        var source = try overlay.account(from)
        guard source.balance >= amount else {
            throw Refusal(.insufficientBalance, "\(from) has \(source.balance), which is less than \(amount)")
        }
        guard from != to, !amount.isZero else { return }
        source.balance = try source.balance.minus(amount)
        var target = try overlay.account(to)
        target.balance = try target.balance.plus(amount)
        try overlay.setAccount(from, source)
        try overlay.setAccount(to, target)
        try checkGrowth()
    }

    /// Makes tokens. Tokens only, which keeps the count of the supply.
    public mutating func mint(to id: AccountID, amount: Amount) throws(Refusal) {
        try requireTokens("mint")
        var account = try overlay.account(id)
        account.balance = try account.balance.plus(amount)
        try overlay.setAccount(id, account)
    }

    /// Destroys tokens. Tokens only, which keeps the count of the supply.
    public mutating func burn(from id: AccountID, amount: Amount) throws(Refusal) {
        try requireTokens("burn")
        var account = try overlay.account(id)
        account.balance = try account.balance.minus(amount)
        try overlay.setAccount(id, account)
    }

    /// Hands the fees of the block over to be shared out. Tokens only.
    public mutating func takeCollectedFees() throws(Refusal) -> Amount {
        try requireTokens("share fees out")
        defer { collectedFees = .zero }
        return collectedFees
    }

    /// Adds to a balance what `takeCollectedFees` handed over. Tokens only.
    public mutating func credit(_ id: AccountID, amount: Amount) throws(Refusal) { try mint(to: id, amount: amount) }

    /// Sets who may act for an account. Tokens only.
    public mutating func setAuthorisation(_ authorisation: Authorisation?, of id: AccountID) throws(Refusal) {
        try requireTokens("set authorisations")
        var account = try overlay.account(id)
        account.authorisation = authorisation
        try overlay.setAccount(id, account)
        try checkGrowth()
    }

    private func requireTokens(_ action: String) throws(Refusal) {
        guard module == "tokens" else { throw Refusal(.notPermitted, "\(module) may not \(action)") }
    }
}
