import Primitives

/// What actions cost: amounts for bytes and units, and the units of each operation. Kept in the state.
public struct FeeSchedule: Hashable, Sendable, CBORCodable {
    /// For each byte of the encoded transaction, signatures included.
    public var perByte: Amount
    /// For each unit of work.
    public var perUnit: Amount
    /// Units of a transaction before it does anything.
    public var unitsPerTransaction: UInt64
    public var unitsPerSignature: UInt64
    public var unitsPerRead: UInt64
    public var unitsPerWrite: UInt64
    /// For each byte of path (its length bounds the depth of its leaf) and value that is written, and of events.
    public var unitsPerByte: UInt64

    public init(
        perByte: Amount = Amount(baseUnits: 1_000_000_000), perUnit: Amount = Amount(baseUnits: 1_000_000_000),
        unitsPerTransaction: UInt64 = 100, unitsPerSignature: UInt64 = 100, unitsPerRead: UInt64 = 5,
        unitsPerWrite: UInt64 = 20, unitsPerByte: UInt64 = 1
    ) {
        self.perByte = perByte
        self.perUnit = perUnit
        self.unitsPerTransaction = unitsPerTransaction
        self.unitsPerSignature = unitsPerSignature
        self.unitsPerRead = unitsPerRead
        self.unitsPerWrite = unitsPerWrite
        self.unitsPerByte = unitsPerByte
    }

    /// Nothing costs anything: the consortium's setting.
    public static let free = FeeSchedule(perByte: .zero, perUnit: .zero)

    /// What a transaction of so many bytes costs after so many units.
    public func fee(byteCount: Int, units: UInt64) throws(AmountError) -> Amount {
        try perByte.multiplied(by: UInt64(byteCount)).adding(try perUnit.multiplied(by: units))
    }

    /// Units that a transaction has used before its action starts.
    public func startingUnits(signatures: Int) -> UInt64 {
        unitsPerTransaction &+ unitsPerSignature &* UInt64(signatures)
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 7)
        encoder.value(perByte)
        encoder.value(perUnit)
        for units in [unitsPerTransaction, unitsPerSignature, unitsPerRead, unitsPerWrite, unitsPerByte] {
            encoder.unsigned(units)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 7)
        perByte = try decoder.value()
        perUnit = try decoder.value()
        // 32 bits each, so that no sum of a block's operations comes near the range.
        unitsPerTransaction = UInt64(try decoder.unsigned(as: UInt32.self))
        unitsPerSignature = UInt64(try decoder.unsigned(as: UInt32.self))
        unitsPerRead = UInt64(try decoder.unsigned(as: UInt32.self))
        unitsPerWrite = UInt64(try decoder.unsigned(as: UInt32.self))
        unitsPerByte = UInt64(try decoder.unsigned(as: UInt32.self))
    }
}

/// The ledger's limits and prices: genesis parameters, kept in the state at `l/parameters`.
public struct LedgerParameters: Hashable, Sendable, CBORCodable {
    public var transactionByteLimit: UInt64
    public var blockByteLimit: UInt64
    /// Levels of arrays and maps in a body.
    public var nestingLimit: UInt64
    /// Bytes of all paths and values in the state. Above it, nothing may grow.
    public var stateByteLimit: UInt64
    /// Validators of one epoch.
    public var validatorLimit: UInt64
    /// Heights that a transaction's last valid height may be above the current one.
    public var validityHeightLimit: UInt64
    public var fees: FeeSchedule

    public init(
        transactionByteLimit: UInt64 = 64 << 10, blockByteLimit: UInt64 = 2 << 20, nestingLimit: UInt64 = 16,
        stateByteLimit: UInt64 = 4 << 30, validatorLimit: UInt64 = 150, validityHeightLimit: UInt64 = 1 << 32,
        fees: FeeSchedule = FeeSchedule()
    ) {
        self.transactionByteLimit = transactionByteLimit
        self.blockByteLimit = blockByteLimit
        self.nestingLimit = nestingLimit
        self.stateByteLimit = stateByteLimit
        self.validatorLimit = validatorLimit
        self.validityHeightLimit = validityHeightLimit
        self.fees = fees
    }

    public static let path: [UInt8] = Array("l/parameters".utf8)

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 7)
        for limit in [
            transactionByteLimit, blockByteLimit, nestingLimit, stateByteLimit, validatorLimit, validityHeightLimit,
        ] {
            encoder.unsigned(limit)
        }
        encoder.value(fees)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 7)
        transactionByteLimit = try decoder.unsigned()
        blockByteLimit = try decoder.unsigned()
        nestingLimit = try decoder.unsigned()
        stateByteLimit = try decoder.unsigned()
        validatorLimit = try decoder.unsigned()
        validityHeightLimit = try decoder.unsigned()
        fees = try decoder.value()
        guard transactionByteLimit <= 1 << 24, blockByteLimit <= 1 << 30, transactionByteLimit <= blockByteLimit,
            (1...64).contains(nestingLimit), stateByteLimit <= 1 << 60, (1...150).contains(validatorLimit)
        else { throw decoder.invalid("a limit is outside what the ledger can hold to") }
    }
}
