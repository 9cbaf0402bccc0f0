import Primitives

/// What a module tells the world about a committed block. Covered by the receipts root, kept in the log, found by
/// module, kind, path and account.
public struct Event: Hashable, Sendable, CBORCodable {
    public let module: String
    public let kind: String
    /// The place in the state that the event is about, if there is one.
    public let path: [UInt8]?
    public let accounts: [AccountID]
    /// Canonical DAG-CBOR; what it holds is the module's documentation of the kind.
    public let payload: [UInt8]

    public init(module: String, kind: String, path: [UInt8]? = nil, accounts: [AccountID] = [], payload: [UInt8] = []) {
        self.module = module
        self.kind = kind
        self.path = path
        self.accounts = accounts
        self.payload = payload
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        encoder.text(module)
        encoder.text(kind)
        if let path { encoder.bytes(path) } else { encoder.null() }
        encoder.list(accounts)
        encoder.bytes(payload)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        module = try decoder.text()
        kind = try decoder.text()
        path = decoder.skipNull() ? nil : try decoder.bytes()
        accounts = try decoder.list(of: AccountID.self)
        payload = try decoder.bytes()
    }
}
