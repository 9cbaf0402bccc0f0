import Primitives

/// What the ledger is for, a module each: actions, rules, a part of the state below `m/NAME/`, events. Deterministic:
/// integers only, no clock, no random source, no hash-ordered iteration.
public protocol LedgerModule: Sendable {
    /// Lower-case ASCII letters, digits and hyphens. State lives below `m/NAME/`.
    var name: String { get }

    /// The actions that transactions may call.
    var actions: [ModuleAction] { get }

    /// Writes the module's first state from its section of the genesis (null when the genesis has none).
    func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal)

    /// Executes one action. A thrown refusal undoes every change and event of the transaction; the fee is still paid.
    func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal)

    /// Runs once after the transactions of each block, in the order of the modules. A refusal here is a fault of the
    /// rules and makes the block invalid.
    func endBlock(_ context: inout ModuleContext) throws(Refusal)

    /// Whether the module lets `payer`, a derived account that it owns, pay up to `feeLimit` for this call of `sender`:
    /// so that sites need no tokens. False for accounts that it does not own; reads only.
    ///
    /// - Parameter module: whose action is called, this module's or another's.
    func approvesPayer(
        _ payer: AccountID, feeLimit: Amount, for call: ActionCall, of module: String, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool

    /// Told what `payer`, a derived account, has paid for a transaction of the context's sender, whether the call
    /// succeeded or failed: so that a module can see to it that nobody uses up what is there for all.
    func notePaid(_ fee: Amount, by payer: AccountID, _ context: inout ModuleContext) throws(Refusal)
}

extension LedgerModule {
    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {}
    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {}
    public func approvesPayer(
        _ payer: AccountID, feeLimit: Amount, for call: ActionCall, of module: String, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool { false }
    public func notePaid(_ fee: Amount, by payer: AccountID, _ context: inout ModuleContext) throws(Refusal) {}
}

/// An action and the versions of its body that the module understands.
public struct ModuleAction: Hashable, Sendable {
    public let name: String
    public let versions: ClosedRange<UInt32>

    public init(_ name: String, versions: ClosedRange<UInt32> = 1...1) {
        self.name = name
        self.versions = versions
    }
}

/// One call of an action: its name, the version of the body, and the body's canonical DAG-CBOR.
public struct ActionCall: Hashable, Sendable {
    public let action: String
    public let version: UInt32
    public let body: [UInt8]

    public init(action: String, version: UInt32 = 1, body: [UInt8]) {
        self.action = action
        self.version = version
        self.body = body
    }

    public init(_ action: String, version: UInt32 = 1, _ body: some CBORCodable) {
        self.init(action: action, version: version, body: body.encoded())
    }

    /// The body as a value of its action; anything else is refused as malformed.
    public func decode<Body: CBORCodable>(_ type: Body.Type = Body.self) throws(Refusal) -> Body {
        do { return try Body.decode(body) } catch { throw Refusal(malformed: error) }
    }
}
