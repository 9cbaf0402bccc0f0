import Primitives

/// Who may act for an account: keys with weights, and the weight that their signatures must reach.
public struct Authorisation: Hashable, Sendable, CBORCodable {
    public struct WeightedKey: Hashable, Sendable, CBORCodable {
        public let key: PublicKey
        public let weight: UInt32

        public init(_ key: PublicKey, weight: UInt32 = 1) {
            self.key = key
            self.weight = weight
        }

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 2)
            encoder.value(key)
            encoder.unsigned(weight)
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 2)
            key = try decoder.value()
            weight = try decoder.unsigned(as: UInt32.self)
        }
    }

    /// The most keys of one record.
    public static let maximumKeys = 16

    /// Sorted by key, none twice, all weights above zero.
    public let keys: [WeightedKey]
    /// Above zero, and within the sum of the weights.
    public let threshold: UInt64

    /// Sorts the keys. Refuses an empty record, more than `maximumKeys`, a key twice, a weight of zero, and a threshold
    /// that is zero or cannot be reached: nobody could act for the account again.
    public init(keys: [WeightedKey], threshold: UInt64) throws(Refusal) {
        let sorted = keys.sorted { $0.key < $1.key }
        guard !sorted.isEmpty, sorted.count <= Authorisation.maximumKeys else {
            throw Refusal(.invalidAuthorisation, "1 to \(Authorisation.maximumKeys) keys are needed, not \(keys.count)")
        }
        guard zip(sorted, sorted.dropFirst()).allSatisfy({ $0.key < $1.key }) else {
            throw Refusal(.invalidAuthorisation, "a key is there twice")
        }
        guard sorted.allSatisfy({ $0.weight > 0 }) else { throw Refusal(.invalidAuthorisation, "a weight is zero") }
        let sum = sorted.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
        guard threshold > 0, threshold <= sum else {
            throw Refusal(.invalidAuthorisation, "the threshold \(threshold) is not within 1 and \(sum)")
        }
        self.keys = sorted
        self.threshold = threshold
    }

    /// The multi-signature account whose first record this is.
    public var accountID: AccountID {
        AccountID(kind: .multiSignature, payload: .blake2b256(signedBytes(kind: "authorisation", body: encoded())))
    }

    /// Whether signatures by these keys reach the threshold. A key counts once.
    public func isSatisfied(by signers: [PublicKey]) -> Bool {
        var reached: UInt64 = 0
        for entry in keys where signers.contains(entry.key) { reached += UInt64(entry.weight) }
        return reached >= threshold
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.list(keys)
        encoder.unsigned(threshold)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        let keys = try decoder.list(of: WeightedKey.self, maximum: Authorisation.maximumKeys)
        let threshold = try decoder.unsigned()
        do { try self.init(keys: keys, threshold: threshold) } catch { throw decoder.invalid(error.detail) }
        // The order is part of the encoding: another one would be a second encoding of the same record.
        guard self.keys == keys else { throw decoder.invalid("the keys of an authorisation are not sorted") }
    }
}
