import Primitives

/// The set of validators that the state has decided on last, and the first height that it certifies. Kept in the state
/// at `l/validators`; a chain that has no such record keeps the set of its genesis. Tuple: [height, set].
///
/// What a block decides holds from the second block after it: the header of the block between names the set, so that
/// whoever follows headers knows each set before it certifies anything.
public struct ValidatorSchedule: Hashable, Sendable, CBORCodable {
    public let height: UInt64
    public let validators: ValidatorSet

    /// Blocks from the one that decides on a set to the first one that the set certifies.
    public static let delay: UInt64 = 2
    public static let path: [UInt8] = Array("l/validators".utf8)

    public init(height: UInt64, validators: ValidatorSet) {
        self.height = height
        self.validators = validators
    }

    /// The set of an encoded schedule, if it begins at a height: most blocks need no more than the height.
    static func validators(in bytes: [UInt8], from height: UInt64) throws(CBORError) -> ValidatorSet? {
        try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
            try decoder.array(count: 2)
            guard try decoder.unsigned() == height else {
                try decoder.skip()
                return nil
            }
            return try decoder.value()
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(height)
        encoder.value(validators)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        height = try decoder.unsigned()
        validators = try decoder.value()
    }
}

extension ModuleContext {
    /// What was decided last; nil on a chain whose validators are fixed.
    public mutating func validatorSchedule() throws(Refusal) -> ValidatorSchedule? {
        try record(at: ValidatorSchedule.path)
    }

    /// Has another set certify blocks from the second one after this on. Staking only.
    @discardableResult
    public mutating func scheduleValidators(_ set: ValidatorSet) throws(Refusal) -> ValidatorSchedule {
        guard module == "staking" else { throw Refusal(.notPermitted, "\(module) may not choose validators") }
        guard set.validators.count <= Int(clamping: parameters.validatorLimit) else {
            throw Refusal(.limitExceeded, "more than \(parameters.validatorLimit) validators")
        }
        let schedule = ValidatorSchedule(height: block.height + ValidatorSchedule.delay, validators: set)
        overlay.put(ValidatorSchedule.path, schedule.encoded())
        return schedule
    }
}

extension LedgerState {
    /// What was decided last; nil on a chain whose validators are fixed.
    public func validatorSchedule() throws(Refusal) -> ValidatorSchedule? {
        guard let bytes = store.get(ValidatorSchedule.path) else { return nil }
        do { return try ValidatorSchedule.decode(bytes) } catch {
            throw Refusal(.stateCorrupt, "the schedule of validators does not decode: \(error)")
        }
    }

    /// The set that begins to certify at a height; nil where the one before goes on.
    func newValidators(at height: UInt64) throws(Refusal) -> ValidatorSet? {
        guard let bytes = store.get(ValidatorSchedule.path) else { return nil }
        do { return try ValidatorSchedule.validators(in: bytes, from: height) } catch {
            throw Refusal(.stateCorrupt, "the schedule of validators does not decode: \(error)")
        }
    }
}
