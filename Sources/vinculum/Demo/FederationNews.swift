import Federation
import Node
import Primitives

/// An event of a federation as the demo uses it: its kind, job, round and the rest of its payload.
struct FederationNews: Sendable {
    let kind: FederationEvent
    let job: Digest
    let accounts: [AccountID]
    /// What follows the job in the payload.
    let items: [CBORValue]

    /// Nil for events of other modules and those without a job.
    init?(_ event: EventRecord) throws(CBORError) {
        try self.init(module: event.module, kind: event.kind, accounts: event.accounts, payload: event.payload)
    }

    init?(module: String, kind: String, accounts: [AccountID], payload: [UInt8]) throws(CBORError) {
        guard module == FederationPaths.module, let kind = FederationEvent(rawValue: kind),
            case .array(let items) = try CBORValue.decode(payload), case .bytes(let bytes)? = items.first,
            let job = Digest(bytes: bytes)
        else { return nil }
        self.kind = kind
        self.job = job
        self.accounts = accounts
        self.items = Array(items.dropFirst())
    }

    func number(_ index: Int) -> UInt64? { item(index)?.unsigned }
    func link(_ index: Int) -> CID? { item(index)?.link }
    func list(_ index: Int) -> [CBORValue] { item(index)?.array ?? [] }

    /// Amounts are 16 bytes, most significant first.
    func amount(_ index: Int) -> Amount? {
        guard let bytes = item(index)?.bytes, bytes.count == 16 else { return nil }
        return Amount(baseUnits: bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
    }

    private func item(_ index: Int) -> CBORValue? { items.indices.contains(index) ? items[index] : nil }
}
