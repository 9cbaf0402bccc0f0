import Primitives

/// The state machine without consensus, headers or disk: blocks of transactions over a store. What the kernel drives,
/// and what tests of modules apply actions with.
public struct LedgerState {
    public let rules: Rules
    public let chain: CID
    public let store: any StateStore
    public private(set) var parameters: LedgerParameters

    /// Builds the first state. Throws when a module refuses its section of the genesis.
    public init(
        rules: Rules, chain: CID, parameters: LedgerParameters = LedgerParameters(), block: BlockInfo,
        sections: CBORMap = CBORMap(), store: any StateStore = MemoryStateStore()
    ) throws(Refusal) {
        self.rules = rules
        self.chain = chain
        self.parameters = parameters
        self.store = store
        var execution = BlockExecution(rules: rules, chain: chain, block: block, parameters: parameters, store: store)
        try execution.executeGenesis(sections)
        let outcome = try execution.finish()
        try LedgerState.apply(outcome.changes, to: store)
    }

    /// Executes a genesis into an empty store.
    @discardableResult
    public static func makeGenesis(
        _ genesis: Genesis, rules: Rules, store: any StateStore
    ) throws(Refusal) -> LedgerState {
        guard let first = genesis.validators.validators.first else {
            throw Refusal(.malformed, "the genesis has no validators")
        }
        guard genesis.validators.validators.count <= Int(genesis.parameters.validatorLimit) else {
            throw Refusal(.limitExceeded, "more than \(genesis.parameters.validatorLimit) validators")
        }
        let block = BlockInfo(
            height: 0, timeMilliseconds: genesis.timeMilliseconds, beacon: genesis.firstBeacon,
            proposer: AccountID(first.key))
        let state = try LedgerState(
            rules: rules, chain: genesis.chain, parameters: genesis.parameters, block: block,
            sections: genesis.sections, store: store)
        if let schedule = try state.validatorSchedule(), schedule.validators != genesis.validators {
            throw Refusal(.malformed, "the genesis names other validators than its staking section makes")
        }
        return state
    }

    /// A state that was restored: the parameters are read from it.
    public init(restored store: any StateStore, rules: Rules, chain: CID) throws(Refusal) {
        guard let bytes = store.get(LedgerParameters.path) else {
            throw Refusal(.stateCorrupt, "the state has no parameters")
        }
        do { parameters = try LedgerParameters.decode(bytes) } catch {
            throw Refusal(.stateCorrupt, "the ledger's parameters do not decode: \(error)")
        }
        self.rules = rules
        self.chain = chain
        self.store = store
    }

    /// An execution of the next block over this state; nothing changes before `apply`.
    public func begin(_ block: BlockInfo) -> BlockExecution {
        BlockExecution(rules: rules, chain: chain, block: block, parameters: parameters, store: store)
    }

    /// Makes a decided block's changes.
    public mutating func apply(_ changes: [StateChange]) throws(Refusal) {
        try LedgerState.apply(changes, to: store)
        try reload(changes)
    }

    /// Takes over parameters that changes, which are in the store already, have set.
    mutating func reload(_ changes: [StateChange]) throws(Refusal) {
        guard let changed = changes.first(where: { $0.path == LedgerParameters.path })?.value else { return }
        do { parameters = try LedgerParameters.decode(changed) } catch {
            throw Refusal(.stateCorrupt, "the ledger's parameters do not decode: \(error)")
        }
    }

    /// Executes and applies a whole block of transactions.
    public mutating func execute(
        _ transactions: [VerifiedTransaction], in block: BlockInfo
    ) throws(Refusal) -> BlockExecution.Outcome {
        var execution = begin(block)
        for transaction in transactions { try execution.execute(transaction) }
        let outcome = try execution.finish()
        try apply(outcome.changes)
        return outcome
    }

    static func apply(_ changes: [StateChange], to store: any StateStore) throws(Refusal) {
        do { try store.applyForGood(changes) } catch { throw Refusal(.pathTooLong, error.description) }
    }

    // MARK: Queries

    public func account(_ id: AccountID) throws(Refusal) -> Account {
        guard let bytes = store.get(Account.path(id)) else { return .empty }
        do { return try Account.decode(bytes) } catch {
            throw Refusal(.stateCorrupt, "the account \(id) does not decode: \(error)")
        }
    }

    public func balance(of id: AccountID) throws(Refusal) -> Amount { try account(id).balance }

    /// The sum of all balances: what the supply must be equal to.
    public func sumOfBalances() throws(Refusal) -> Amount {
        var sum = Amount.zero
        for entry in store.scan(prefix: Account.pathPrefix, from: [], limit: .max) {
            do {
                sum = try sum.plus(try Account.decode(entry.value).balance)
            } catch let error as CBORError {
                throw Refusal(.stateCorrupt, "an account does not decode: \(error)")
            } catch let refusal as Refusal {
                throw refusal
            } catch {
                throw Refusal(.stateCorrupt, "\(error)")
            }
        }
        return sum
    }
}
