import Primitives

/// What became of a transaction: a leaf of the receipts vector, at the transaction's place in the block.
public struct Receipt: Hashable, Sendable, CBORCodable {
    public let code: ResultCode
    public let fee: Amount
    public let units: UInt64
    /// Empty when the transaction failed.
    public let events: [Event]

    public init(code: ResultCode, fee: Amount, units: UInt64, events: [Event]) {
        self.code = code
        self.fee = fee
        self.units = units
        self.events = events
    }

    /// The leaf of the receipts vector. It holds the id, so that a receipt is proven to be a transaction's whatever its
    /// place; zero for the end of the block.
    func leaf(of transactionID: Digest) -> Digest {
        var entry = transactionID.bytes
        entry.append(contentsOf: encoded())
        return BLAKE2bMerkleHash.leaf(entry)
    }

    public var isSuccess: Bool { code == .ok }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.integer(code.rawValue)
        encoder.value(fee)
        encoder.unsigned(units)
        encoder.list(events)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        code = ResultCode(rawValue: try decoder.integer(as: Int32.self))
        fee = try decoder.value()
        units = try decoder.unsigned()
        events = try decoder.list()
    }
}
