import Primitives

/// An engine, and the first height that it orders. Tuple: [height, engine, parameters, set or null].
public struct EngineActivation: Hashable, Sendable, CBORCodable {
    public let height: UInt64
    /// The engine's id, as headers name it.
    public let engine: String
    /// The engine's settings, in place of those of the genesis.
    public let parameters: CBORMap
    /// Who certifies from that height on; nil where the chain elects its validators.
    public let validators: ValidatorSet?

    public init(height: UInt64, engine: String, parameters: CBORMap = CBORMap(), validators: ValidatorSet? = nil) {
        self.height = height
        self.engine = engine
        self.parameters = parameters
        self.validators = validators
    }

    /// What the genesis names.
    public init(_ genesis: Genesis) {
        self.init(height: 0, engine: genesis.engine, parameters: genesis.engineParameters)
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.unsigned(height)
        encoder.text(engine)
        encoder.value(CBORValue.map(parameters))
        encoder.optional(validators)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        height = try decoder.unsigned()
        engine = try decoder.text()
        guard case .map(let map) = try decoder.value(CBORValue.self) else {
            throw decoder.invalid("settings are a map")
        }
        parameters = map
        validators = try decoder.optional()
    }
}

/// The engine in charge, if it is not the one of the genesis, and the one that follows, if the ledger has decided on
/// one. Kept in the state at `l/engines`, ascending by height. A swap is decided as long before its height as a set of
/// validators, so that each proposer knows what its header has to say.
public struct EngineSchedule: Hashable, Sendable, CBORCodable {
    public private(set) var activations: [EngineActivation]

    public static let path: [UInt8] = Array("l/engines".utf8)

    public init(_ activations: [EngineActivation] = []) {
        self.activations = activations
    }

    /// The engine that orders a height; nil for the one of the genesis.
    public func engine(at height: UInt64) -> EngineActivation? { activations.last { $0.height <= height } }

    /// The engine that takes over after a height.
    public func next(after height: UInt64) -> EngineActivation? { activations.first { $0.height > height } }

    /// Whether what is decided in a block can still replace an activation.
    static func isOpen(_ activation: EngineActivation, in block: UInt64) -> Bool {
        activation.height >= block + ValidatorSchedule.delay
    }

    /// As it is after a block that plans `activation`, or nothing: in place of what was planned and has not begun.
    func planning(_ activation: EngineActivation?, in block: UInt64) -> EngineSchedule {
        let fixed = activations.filter { !EngineSchedule.isOpen($0, in: block) }
        // Whoever is in charge of the next height, and whoever is already sure to follow.
        let first = fixed.lastIndex { $0.height <= block + 1 } ?? fixed.startIndex
        return EngineSchedule(Array(fixed[first...]) + (activation.map { [$0] } ?? []))
    }

    public func encode(to encoder: inout CBOREncoder) { encoder.list(activations) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        activations = try decoder.list(maximum: 4)
        guard zip(activations, activations.dropFirst()).allSatisfy({ $0.height < $1.height }) else {
            throw decoder.invalid("engines are in the order of their heights")
        }
    }
}

extension ModuleContext {
    /// The engines that the state has decided on.
    public mutating func engineSchedule() throws(Refusal) -> EngineSchedule {
        try record(at: EngineSchedule.path) ?? EngineSchedule()
    }

    /// Has another engine order blocks from a height on, in place of what was planned; nil plans nothing. The module of
    /// consensus only.
    public mutating func scheduleEngine(_ activation: EngineActivation?) throws(Refusal) {
        guard module == "consensus" else { throw Refusal(.notPermitted, "\(module) may not choose engines") }
        let least = block.height + ValidatorSchedule.delay
        if let activation, activation.height < least {
            throw Refusal(.malformed, "an engine begins at height \(least) or later")
        }
        let before = try engineSchedule()
        let after = before.planning(activation, in: block.height)
        overlay.put(EngineSchedule.path, after.encoded())
        try scheduleValidators(of: after, before: before)
    }

    /// Those that come with engines. Where stake elects validators, no engine brings any.
    private mutating func scheduleValidators(of after: EngineSchedule, before: EngineSchedule) throws(Refusal) {
        guard let last = after.activations.last(where: { $0.validators != nil }), let set = last.validators else {
            // What was planned is off: the chain keeps the set of its genesis.
            if before.activations.contains(where: { $0.validators != nil }) { overlay.delete(ValidatorSchedule.path) }
            return
        }
        guard set.validators.count <= Int(clamping: parameters.validatorLimit) else {
            throw Refusal(.limitExceeded, "more than \(parameters.validatorLimit) validators")
        }
        overlay.put(ValidatorSchedule.path, ValidatorSchedule(height: last.height, validators: set).encoded())
    }
}

extension LedgerState {
    /// The engines that the state has decided on.
    public func engineSchedule() throws(Refusal) -> EngineSchedule {
        guard let bytes = store.get(EngineSchedule.path) else { return EngineSchedule() }
        do { return try EngineSchedule.decode(bytes) } catch {
            throw Refusal(.stateCorrupt, "the schedule of engines does not decode: \(error)")
        }
    }
}
