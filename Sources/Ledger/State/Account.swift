import Primitives

/// The next sequence of each lane. A lane that was never used stands at zero; most accounts use only the first.
public struct LaneSequences: Hashable, Sendable {
    public static let laneCount: UInt8 = 16

    private var first: UInt64 = 0
    /// Lanes 1 and up, without trailing zeros.
    private var others: [UInt64] = []

    public init() {}

    /// The sequence that the next transaction of `lane` must have.
    public subscript(lane: UInt8) -> UInt64 {
        get {
            if lane == 0 { return first }
            let index = Int(lane) - 1
            return index < others.count ? others[index] : 0
        }
        set {
            if lane == 0 {
                first = newValue
                return
            }
            let index = Int(lane) - 1
            while others.count <= index { others.append(0) }
            others[index] = newValue
            while others.last == 0 { others.removeLast() }
        }
    }

    fileprivate func encode(to encoder: inout CBOREncoder) {
        guard first > 0 || !others.isEmpty else { return encoder.array(count: 0) }
        encoder.array(count: 1 + others.count)
        encoder.unsigned(first)
        for sequence in others { encoder.unsigned(sequence) }
    }

    fileprivate init(from decoder: inout CBORDecoder) throws(CBORError) {
        let count = try decoder.array()
        guard count <= Int(LaneSequences.laneCount) else { throw decoder.invalid("more than 16 lanes") }
        for lane in 0..<UInt8(count) {
            let sequence = try decoder.unsigned()
            if lane == 0 { first = sequence } else { others.append(sequence) }
        }
        guard count == 0 || (count == 1 ? first > 0 : others.last != 0) else {
            throw decoder.invalid("lanes that were never used are left out at the end")
        }
    }
}

/// What the ledger knows of an account: the leaf at `a/` + its 33 bytes. A transfer touches two such leaves and no
/// more.
public struct Account: Hashable, Sendable, CBORCodable {
    public var balance: Amount
    public var sequences: LaneSequences
    /// Nil: the account's own key signs (kind `key`), or nobody does (kind `derived`).
    public var authorisation: Authorisation?

    public init(
        balance: Amount = .zero, sequences: LaneSequences = LaneSequences(), authorisation: Authorisation? = nil
    ) {
        self.balance = balance
        self.sequences = sequences
        self.authorisation = authorisation
    }

    /// An account that was never written.
    public static let empty = Account()

    public static let pathPrefix: [UInt8] = [0x61, 0x2f]

    /// The path of an account's leaf.
    public static func path(_ id: AccountID) -> [UInt8] {
        var path: [UInt8] = []
        path.reserveCapacity(35)
        path.append(0x61)
        path.append(0x2f)
        path.append(id.kind.rawValue)
        id.payload.withUnsafeBytes { path.append(contentsOf: $0) }
        return path
    }

    /// Whether signatures by these keys are enough to act for the account `id`.
    public func isAuthorised(_ id: AccountID, by signers: [PublicKey]) -> Bool {
        if let authorisation { return authorisation.isSatisfied(by: signers) }
        guard let key = id.publicKey else { return false }
        return signers.contains(key)
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.value(balance)
        sequences.encode(to: &encoder)
        encoder.optional(authorisation)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        balance = try decoder.value()
        sequences = try LaneSequences(from: &decoder)
        authorisation = try decoder.optional()
    }
}
