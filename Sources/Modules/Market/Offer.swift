import Ledger
import Primitives
import Reputation

/// What a machine has, or a task needs. Tuple: [cores, memory (MiB), accelerators, memory of each (MiB), disk (GiB)].
public struct Hardware: Hashable, Sendable, CBORCodable {
    public var cores: UInt32
    public var memoryMebibytes: UInt32
    public var accelerators: UInt32
    public var acceleratorMemoryMebibytes: UInt32
    public var diskGibibytes: UInt32

    public init(
        cores: UInt32, memoryMebibytes: UInt32, accelerators: UInt32 = 0, acceleratorMemoryMebibytes: UInt32 = 0,
        diskGibibytes: UInt32 = 0
    ) {
        self.cores = cores
        self.memoryMebibytes = memoryMebibytes
        self.accelerators = accelerators
        self.acceleratorMemoryMebibytes = acceleratorMemoryMebibytes
        self.diskGibibytes = diskGibibytes
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 5)
        for value in [cores, memoryMebibytes, accelerators, acceleratorMemoryMebibytes, diskGibibytes] {
            encoder.unsigned(value)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 5)
        cores = try decoder.number()
        memoryMebibytes = try decoder.number()
        accelerators = try decoder.number()
        acceleratorMemoryMebibytes = try decoder.number()
        diskGibibytes = try decoder.number()
    }
}

public enum TaskKind: UInt8, CaseIterable, Sendable {
    /// The requester knows the answer and has committed to it.
    case benchmark = 0
    case evaluation = 1
    case batch = 2
}

public enum EnergySource: UInt8, CaseIterable, Sendable {
    case unknown = 0
    case grid = 1
    case renewable = 2
    case nuclear = 3
}

/// What a provider lends. Tuple: [provider, offer terms, running].
public struct OfferRecord: Hashable, Sendable, CBORCodable {
    public let provider: AccountID
    public let terms: OfferTerms
    /// Replicas that run.
    public internal(set) var running: UInt32

    init(provider: AccountID, terms: OfferTerms) {
        self.provider = provider
        self.terms = terms
        running = 0
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.value(provider)
        encoder.value(terms)
        encoder.unsigned(running)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        provider = try decoder.value()
        terms = try decoder.value()
        running = try decoder.number()
    }

    /// Why the offer does not fit, or nil. Price, hardware and the rest before standing, so that the reason is the
    /// most useful.
    public func mismatch(with task: TaskTerms, requester: AccountID, score: Int64, at now: UInt64) -> MatchReason? {
        let (has, needs) = (terms.hardware, task.hardware)
        if now > terms.expiryMilliseconds { return .expired }
        if terms.kinds & (1 << task.kind.rawValue) == 0 { return .kindNotOffered }
        if terms.pricePerUnit > task.highestPricePerUnit { return .priceAboveLimit }
        if has.cores < needs.cores { return .tooFewCores }
        if has.memoryMebibytes < needs.memoryMebibytes { return .tooLittleMemory }
        if has.accelerators < needs.accelerators { return .tooFewAccelerators }
        if has.acceleratorMemoryMebibytes < needs.acceleratorMemoryMebibytes { return .tooLittleAcceleratorMemory }
        if has.diskGibibytes < needs.diskGibibytes { return .tooLittleDisk }
        if terms.uptimeMillionths < task.leastUptimeMillionths { return .uptimeTooLow }
        if !task.place.isEmpty, task.place != terms.place { return .placeDiffers }
        if provider == requester { return .ownTask }
        if running >= terms.capacity { return .noCapacity }
        if score < task.leastScore { return .reputationTooLow }
        return nil
    }
}

/// Body of `offer`. Tuple: [hardware, kinds, price a unit, uptime (1e-6), place, energy, capacity, expiry (ms)].
public struct OfferTerms: Hashable, Sendable, CBORCodable {
    public var hardware: Hardware
    /// Bit n stands for the task kind n.
    public var kinds: UInt8
    public var pricePerUnit: Amount
    public var uptimeMillionths: UInt32
    /// A country or region code, of visible ASCII characters.
    public var place: String
    public var energy: EnergySource
    /// Replicas at a time.
    public var capacity: UInt32
    public var expiryMilliseconds: UInt64

    /// Bytes.
    public static let placeLimit = 16

    public init(
        hardware: Hardware, kinds: UInt8, pricePerUnit: Amount, uptimeMillionths: UInt32, place: String,
        energy: EnergySource, capacity: UInt32, expiryMilliseconds: UInt64
    ) {
        self.hardware = hardware
        self.kinds = kinds
        self.pricePerUnit = pricePerUnit
        self.uptimeMillionths = uptimeMillionths
        self.place = place
        self.energy = energy
        self.capacity = capacity
        self.expiryMilliseconds = expiryMilliseconds
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 8)
        encoder.value(hardware)
        encoder.unsigned(kinds)
        encoder.value(pricePerUnit)
        encoder.unsigned(uptimeMillionths)
        encoder.text(place)
        encoder.unsigned(energy.rawValue)
        encoder.unsigned(capacity)
        encoder.unsigned(expiryMilliseconds)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 8)
        hardware = try decoder.value()
        kinds = try decoder.unsigned(as: UInt8.self)
        pricePerUnit = try decoder.value()
        uptimeMillionths = try decoder.number()
        place = try decoder.name(atMost: OfferTerms.placeLimit)
        energy = try decoder.choice()
        capacity = try decoder.number()
        expiryMilliseconds = try decoder.unsigned()
    }
}
