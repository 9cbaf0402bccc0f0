import Primitives

/// A proof in a file: canonical DAG-CBOR of the format's name, the kind, and the proof with its certified header. What
/// `proof verify` reads is this, or `LinkedProof`.
public enum ProofFile: Hashable, Sendable, CBORCodable {
    case state(CertifiedStateProof)
    case transaction(TransactionProof)

    /// The first item of a file.
    public static let format = "vinculum-proof/1"

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encodeItems(to: &encoder)
    }

    fileprivate func encodeItems(to encoder: inout CBOREncoder) {
        encoder.text(ProofFile.format)
        switch self {
        case .state(let proof):
            encoder.text("state")
            encoder.value(proof)
        case .transaction(let proof):
            encoder.text("transaction")
            encoder.value(proof)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        try self.init(itemsFrom: &decoder)
    }

    fileprivate init(itemsFrom decoder: inout CBORDecoder) throws(CBORError) {
        guard try decoder.text() == ProofFile.format else { throw decoder.invalid("not a \(ProofFile.format) file") }
        switch try decoder.text() {
        case "state": self = .state(try decoder.value())
        case "transaction": self = .transaction(try decoder.value())
        case let kind: throw decoder.invalid("an unknown kind of proof: \(kind)")
        }
    }
}

/// A proof with what leads from the genesis to the validators of its header: where they have changed since, the
/// handovers are a fourth item of the file.
public struct LinkedProof: Hashable, Sendable, CBORCodable {
    public let proof: ProofFile
    /// From the genesis on, in the order of their heights.
    public let handovers: [Handover]

    /// More than a chain with an epoch of an hour has in ten years.
    static let handoverLimit = 100_000

    public init(_ proof: ProofFile, handovers: [Handover] = []) {
        self.proof = proof
        self.handovers = handovers
    }

    /// The newest header of the proof: handovers below it are needed.
    public var header: Header {
        switch proof {
        case .state(let proof): proof.certified.header
        case .transaction(let proof): proof.certified.header
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: handovers.isEmpty ? 3 : 4)
        proof.encodeItems(to: &encoder)
        if !handovers.isEmpty { encoder.list(handovers) }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let count = try decoder.array()
        guard count == 3 || count == 4 else { throw decoder.invalid("a proof file has three or four items") }
        proof = try ProofFile(itemsFrom: &decoder)
        handovers = count == 4 ? try decoder.list(maximum: LinkedProof.handoverLimit) : []
        guard count == 3 || !handovers.isEmpty else { throw decoder.invalid("no handovers are left out") }
    }
}
