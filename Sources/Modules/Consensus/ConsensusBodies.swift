import Ledger
import Primitives

/// Another engine from a height on. Body of `swap`. Tuple: [height, engine, parameters, leader or null].
public struct SwapBody: Hashable, Sendable, CBORCodable {
    /// The first height that the engine orders.
    public let height: UInt64
    public let engine: String
    /// The engine's settings: texts, numbers and truth values.
    public let parameters: CBORMap
    /// The one validator of an engine that has but one.
    public let leader: PublicKey?

    static let settingsLimit = 32
    static let textByteLimit = 256

    public init(height: UInt64, engine: String, parameters: CBORMap = CBORMap(), leader: PublicKey? = nil) {
        self.height = height
        self.engine = engine
        self.parameters = parameters
        self.leader = leader
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.unsigned(height)
        encoder.text(engine)
        encoder.value(CBORValue.map(parameters))
        encoder.optional(leader)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        height = try decoder.unsigned()
        engine = try decoder.text()
        guard case .map(let map) = try decoder.value(CBORValue.self) else {
            throw decoder.invalid("settings are a map")
        }
        parameters = map
        leader = try decoder.optional()
    }

    /// Why the settings are none that an engine could be given; nil if they are.
    var fault: String? {
        if parameters.entries.count > SwapBody.settingsLimit { return "more than \(SwapBody.settingsLimit) settings" }
        for entry in parameters.entries {
            if entry.key.isEmpty || entry.key.utf8.count > SwapBody.textByteLimit { return "the name of a setting" }
            switch entry.value {
            case .bool, .unsigned: continue
            case .text(let text) where text.utf8.count <= SwapBody.textByteLimit: continue
            default: return "\(entry.key) is a text, a number or a truth value"
            }
        }
        return nil
    }
}

/// Calls off what is planned. Body of `cancel`. Tuple: [].
public struct CancelBody: Hashable, Sendable, CBORCodable {
    public init() {}

    public func encode(to encoder: inout CBOREncoder) { encoder.array(count: 0) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) { try decoder.array(count: 0) }
}

/// What one validator wants: a swap, or that the planned one is called off. Tuple: [swap or null].
public struct Approval: Hashable, Sendable, CBORCodable {
    public let swap: SwapBody?

    public init(swap: SwapBody?) { self.swap = swap }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 1)
        encoder.optional(swap)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 1)
        swap = try decoder.optional()
    }
}
