import Primitives

/// An answer of a node that does not hold against the chain that this site was configured with.
public enum LightClientError: Error, Hashable, Sendable, CustomStringConvertible {
    case otherChain(expected: CID, found: CID)
    case certificate(height: UInt64, reason: String)
    case stale(height: UInt64, known: UInt64)
    /// Two certified headers of one height: the validators have signed twice, and nothing of either is believed.
    case conflict(height: UInt64, known: Digest, found: Digest)
    case proof(path: String, reason: String)
    case object(expected: CID)
    case oversized(CID, limitBytes: Int)
    case receipt(expected: Digest, found: Digest)

    /// Whether it is about one object only, and says nothing of the rest.
    var concernsOneObject: Bool {
        switch self {
        case .object, .oversized: true
        default: false
        }
    }

    public var description: String {
        switch self {
        case .otherChain(let expected, let found): "the node follows chain \(found.text), not \(expected.text)"
        case .certificate(let height, let reason): "the header of block \(height) is not certified: \(reason)"
        case .stale(let height, let known): "the node answers from block \(height); block \(known) was seen already"
        case .conflict(let height, let known, let found):
            "block \(height) is certified twice: as \(known) and as \(found)"
        case .proof(let path, let reason): "the value at \(path) is not proven: \(reason)"
        case .object(let expected): "the bytes that the node sent are not the object \(expected.text)"
        case .oversized(let id, let limit): "object \(id.text) is larger than \(limit) bytes"
        case .receipt(let expected, let found): "the answer is about transaction \(found), not \(expected)"
        }
    }
}
