import Ledger
import Primitives

/// What is asked about snapshots: `[0]` which there are, `[1, height]` a manifest, `[2, root]` a chunk.
///
/// Answers are one message: a list of offers; a manifest or a chunk, empty where it is not there any more.
public enum SnapshotRequest: Hashable, Sendable, CBORCodable {
    case offers
    case manifest(height: UInt64)
    case chunk(root: Digest)

    public func encode(to encoder: inout CBOREncoder) {
        switch self {
        case .offers:
            encoder.array(count: 1)
            encoder.unsigned(UInt64(0))
        case .manifest(let height):
            encoder.array(count: 2)
            encoder.unsigned(UInt64(1))
            encoder.unsigned(height)
        case .chunk(let root):
            encoder.array(count: 2)
            encoder.unsigned(UInt64(2))
            encoder.digest(root)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let count = try decoder.array()
        switch (try decoder.unsigned(), count) {
        case (0, 1): self = .offers
        case (1, 2): self = .manifest(height: try decoder.unsigned())
        case (2, 2): self = .chunk(root: try decoder.digest())
        case (let kind, _): throw decoder.invalid("a request of kind \(kind) with \(count) items")
        }
    }
}

/// A snapshot that a node has. The digest of the manifest tells peers that have the same one from those that have not.
public struct SnapshotOffer: Hashable, Sendable, CBORCodable {
    /// Offers in one answer: a node keeps two snapshots.
    static let limit = 8

    public let height: UInt64
    public let manifestDigest: Digest
    public let chunkCount: UInt64

    public init(height: UInt64, manifestDigest: Digest, chunkCount: UInt64) {
        self.height = height
        self.manifestDigest = manifestDigest
        self.chunkCount = chunkCount
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.unsigned(height)
        encoder.digest(manifestDigest)
        encoder.unsigned(chunkCount)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        height = try decoder.unsigned()
        manifestDigest = try decoder.digest()
        chunkCount = try decoder.unsigned()
    }

    static func encodeList(_ offers: [SnapshotOffer]) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.list(Array(offers.prefix(limit)))
        return encoder.finish()
    }

    /// The offers in an answer.
    public static func decodeList(_ bytes: [UInt8]) throws(CBORError) -> [SnapshotOffer] {
        try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in try decoder.list(maximum: limit) }
    }
}
