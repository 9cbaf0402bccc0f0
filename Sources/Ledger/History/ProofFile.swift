import Primitives

/// What `proof verify` reads: canonical DAG-CBOR of the format's name, the kind, and the proof with its certified
/// header.
public enum ProofFile: Hashable, Sendable, CBORCodable {
    case state(CertifiedStateProof)
    case transaction(TransactionProof)

    /// The first item of a file.
    public static let format = "vinculum-proof/1"

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
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
        guard try decoder.text() == ProofFile.format else { throw decoder.invalid("not a \(ProofFile.format) file") }
        switch try decoder.text() {
        case "state": self = .state(try decoder.value())
        case "transaction": self = .transaction(try decoder.value())
        case let kind: throw decoder.invalid("an unknown kind of proof: \(kind)")
        }
    }
}
