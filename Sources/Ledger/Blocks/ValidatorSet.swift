import Primitives

/// Who may certify blocks: keys with power, and the power that signatures must reach. The threshold is explicit, so
/// that one format serves every engine: all of one key (solo), a majority (etcd), over two thirds (Byzantine engines).
public struct ValidatorSet: Hashable, Sendable, CBORCodable {
    public struct Validator: Hashable, Sendable, CBORCodable {
        public let key: PublicKey
        public let power: UInt64

        public init(key: PublicKey, power: UInt64 = 1) {
            self.key = key
            self.power = power
        }

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 2)
            encoder.value(key)
            encoder.unsigned(power)
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 2)
            key = try decoder.value()
            power = try decoder.unsigned()
        }
    }

    public static let maximumCount = 150
    /// Powers add up to less than this, so that no sum overflows.
    public static let powerLimit: UInt64 = 1 << 60

    /// Sorted by key, none twice.
    public let validators: [Validator]
    public let threshold: UInt64

    /// Nil for no or too many validators, a key twice, a power of zero, or a threshold of at most half of the power:
    /// two certificates of one height could then exist.
    public init?(_ validators: [Validator], threshold: UInt64) {
        let sorted = validators.sorted { $0.key < $1.key }
        guard (1...ValidatorSet.maximumCount).contains(sorted.count),
            zip(sorted, sorted.dropFirst()).allSatisfy({ $0.key < $1.key }),
            sorted.allSatisfy({ $0.power > 0 && $0.power < ValidatorSet.powerLimit / 150 })
        else { return nil }
        let total = sorted.reduce(UInt64(0)) { $0 + $1.power }
        guard threshold <= total, threshold > total / 2 else { return nil }
        self.validators = sorted
        self.threshold = threshold
    }

    /// The set of one node alone.
    public init(solo key: PublicKey) {
        validators = [Validator(key: key)]
        threshold = 1
    }

    /// Validators that decide where more than two thirds of the power agree: less than a third may lie.
    public init?(byzantine validators: [Validator]) {
        let (total, overflow) = validators.reduce((UInt64(0), false)) { sum, validator in
            let next = sum.0.addingReportingOverflow(validator.power)
            return (next.partialValue, sum.1 || next.overflow)
        }
        guard total > 0, !overflow else { return nil }
        self.init(validators, threshold: total - (total - 1) / 3)
    }

    public func power(of key: PublicKey) -> UInt64? { validators.first { $0.key == key }?.power }

    /// What headers name the set by.
    public var digest: Digest { .blake2b256(signedBytes(kind: "validators", body: self)) }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.list(validators)
        encoder.unsigned(threshold)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        let validators = try decoder.list(of: Validator.self, maximum: ValidatorSet.maximumCount)
        let threshold = try decoder.unsigned()
        guard let set = ValidatorSet(validators, threshold: threshold), set.validators == validators else {
            throw decoder.invalid("no set of validators: sorted keys, powers above zero, a threshold above half")
        }
        self = set
    }
}
