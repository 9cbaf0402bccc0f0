import Ledger
import Primitives

/// The section `tokens` of a genesis: an array of parameters and first balances.
public struct TokensGenesis: Hashable, Sendable, CBORCodable {
    public let parameters: TokensParameters
    public let allocations: [Transfer]

    public init(parameters: TokensParameters, allocations: [Transfer]) {
        self.parameters = parameters
        self.allocations = allocations
    }

    /// The default parameters and no tokens.
    public init() throws(Refusal) { self.init(parameters: try TokensParameters(), allocations: []) }

    public init(allocations: [Transfer]) throws(Refusal) {
        self.init(parameters: try TokensParameters(), allocations: allocations)
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(parameters)
        encoder.list(allocations)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        parameters = try decoder.value()
        allocations = try decoder.list()
    }

    /// The section as the genesis holds it.
    public func section() throws(CBORError) -> CBORValue { try CBORValue.decode(encoded()) }
}
