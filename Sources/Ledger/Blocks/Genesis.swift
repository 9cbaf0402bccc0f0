import Primitives

/// From which height on a version of the rules holds.
public struct RulesActivation: Hashable, Sendable, CBORCodable {
    public let version: UInt32
    public let height: UInt64

    public init(version: UInt32, height: UInt64) {
        self.version = version
        self.height = height
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.unsigned(version)
        encoder.unsigned(height)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        version = try decoder.unsigned(as: UInt32.self)
        height = try decoder.unsigned()
    }
}

/// The beginning of a chain. Its CID is the chain's id, so that nothing in it can be changed afterwards.
public struct Genesis: Hashable, Sendable, CBORCodable {
    public let name: String
    public let timeMilliseconds: UInt64
    /// The id of the consensus engine, and its settings.
    public let engine: String
    public let engineParameters: CBORMap
    public let validators: ValidatorSet
    public let parameters: LedgerParameters
    /// By height; the first at height 0.
    public let rules: [RulesActivation]
    /// A section for each module that wants one.
    public let sections: CBORMap
    /// The end of the year 9999: deadlines are counted from block times, and their sums have to fit.
    public static let latestMilliseconds: UInt64 = 253_402_300_799_999

    /// The chain's id. Kept, since a genesis may hold a million allocations.
    public let chain: CID

    public init(
        name: String, timeMilliseconds: UInt64, engine: String, engineParameters: CBORMap = CBORMap(),
        validators: ValidatorSet, parameters: LedgerParameters = LedgerParameters(),
        rules: [RulesActivation] = [RulesActivation(version: 1, height: 0)], sections: CBORMap = CBORMap()
    ) {
        self.name = name
        self.timeMilliseconds = timeMilliseconds
        self.engine = engine
        self.engineParameters = engineParameters
        self.validators = validators
        self.parameters = parameters
        self.rules = rules
        self.sections = sections
        var encoder = CBOREncoder()
        Genesis.encode(
            name, timeMilliseconds, engine, engineParameters, validators, parameters, rules, sections, to: &encoder)
        chain = CID.of(dagCBOR: encoder.finish())
    }

    /// The version of the rules that holds at a height.
    public func rulesVersion(at height: UInt64) -> UInt32 {
        rules.last { $0.height <= height }?.version ?? 0
    }

    /// The beacon before the first block.
    public var firstBeacon: Digest { chain.digest }

    public func encode(to encoder: inout CBOREncoder) {
        Genesis.encode(
            name, timeMilliseconds, engine, engineParameters, validators, parameters, rules, sections, to: &encoder)
    }

    private static func encode(
        _ name: String, _ timeMilliseconds: UInt64, _ engine: String, _ engineParameters: CBORMap,
        _ validators: ValidatorSet, _ parameters: LedgerParameters, _ rules: [RulesActivation], _ sections: CBORMap,
        to encoder: inout CBOREncoder
    ) {
        encoder.array(count: 8)
        encoder.text(name)
        encoder.unsigned(timeMilliseconds)
        encoder.text(engine)
        encoder.value(CBORValue.map(engineParameters))
        encoder.value(validators)
        encoder.value(parameters)
        encoder.list(rules)
        encoder.value(CBORValue.map(sections))
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let start = decoder.offset
        try decoder.array(count: 8)
        name = try decoder.text()
        timeMilliseconds = try decoder.unsigned()
        guard timeMilliseconds <= Genesis.latestMilliseconds else {
            throw decoder.invalid("a chain begins before the year 10000")
        }
        engine = try decoder.text()
        engineParameters = try Genesis.map(&decoder)
        validators = try decoder.value()
        parameters = try decoder.value()
        rules = try decoder.list()
        sections = try Genesis.map(&decoder)
        chain = CID.of(dagCBOR: decoder.bytes(in: start..<decoder.offset))
        guard rules.first?.height == 0, zip(rules, rules.dropFirst()).allSatisfy({ $0.height < $1.height }) else {
            throw decoder.invalid("versions of the rules are in the order of their heights, the first at 0")
        }
    }

    private static func map(_ decoder: inout CBORDecoder) throws(CBORError) -> CBORMap {
        guard case .map(let map) = try decoder.value(CBORValue.self) else { throw decoder.invalid("a map is needed") }
        return map
    }
}
