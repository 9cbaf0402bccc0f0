import Primitives

/// All that a node needs beside the chunks to go on from a height: the certified header, the validators of this block
/// and of the next, the tail of the history, and the chunks' roots. Everything is proven by the header, but the number
/// of the next event, which is a convenience: readers of events may then go from node to node.
///
/// Account sequences and the ledger's parameters are in the state, the beacon follows from the header's proof, the
/// version of the rules from the genesis, and no transaction waits.
public struct SnapshotManifest: Hashable, Sendable, CBORCodable {
    public static let format = "vinculum-snapshot/1"
    /// Chunks of one snapshot: with chunks of 1 MiB a state of 64 GiB, more than a node holds in memory.
    public static let chunkLimit = 65_536
    /// Bytes of an encoded manifest: a path of 128 bytes for every chunk, and the rest.
    public static let byteLimit = 16 << 20
    /// Bytes of an encoded chunk: `SnapshotPolicy.chunkByteCount` and what the encoding adds, or one large entry.
    public static let chunkByteLimit = 4 << 20

    /// A chunk: its root is its name.
    public struct Chunk: Hashable, Sendable, CBORCodable {
        public let root: Digest
        public let firstPath: [UInt8]

        public init(root: Digest, firstPath: [UInt8]) {
            self.root = root
            self.firstPath = firstPath
        }

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 2)
            encoder.digest(root)
            encoder.bytes(firstPath)
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 2)
            root = try decoder.digest()
            firstPath = try decoder.bytes()
        }
    }

    public let certified: CertifiedHeader
    /// Those that certify the header.
    public let validators: ValidatorSet
    /// Those of the next height.
    public let nextValidators: ValidatorSet
    public let history: HistoryTail
    public let nextEventSequence: UInt64
    public let chunks: [Chunk]

    public init(
        certified: CertifiedHeader, validators: ValidatorSet, nextValidators: ValidatorSet, history: HistoryTail,
        nextEventSequence: UInt64, chunks: [Chunk]
    ) {
        self.certified = certified
        self.validators = validators
        self.nextValidators = nextValidators
        self.history = history
        self.nextEventSequence = nextEventSequence
        self.chunks = chunks
    }

    public var height: UInt64 { certified.header.height }

    /// The block's randomness, from the header's proof.
    public var beacon: Digest? { VRF.output(ofProof: certified.header.beaconProof).map { .blake2b256($0) } }

    /// Throws unless everything in it is what its own header names, and the validators that it brings certify that. Who
    /// they are is the checkpoint's question: `HeaderPath`.
    public func verify(chain: CID) throws(TrustError) {
        let header = certified.header
        guard header.chain == chain else {
            throw TrustError(.wrongChain, "the snapshot is of chain \(header.chain), not \(chain)")
        }
        guard header.height > 0, header.height < UInt64(Int64.max) else {
            throw TrustError(.malformed, "a snapshot of height \(header.height)")
        }
        try certified.certificate.verify(header, validators: validators)
        guard nextValidators.digest == header.nextValidatorSetDigest else {
            throw TrustError(.wrongValidatorSet, "the next validators are not those that the header names")
        }
        guard beacon != nil else { throw TrustError(.malformed, "the header's beacon proof cannot be read") }
        try history.verify(header)
        let parts = chunks.map { StateOutline.Part(root: $0.root, firstPath: $0.firstPath) }
        let root: Digest
        do { root = try StateOutline.root(of: parts) } catch {
            throw TrustError(.wrongStateRoot, error.description)
        }
        guard root == header.stateRoot else {
            throw TrustError(.wrongStateRoot, "the chunks do not make the state that header \(height) names")
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 7)
        encoder.text(SnapshotManifest.format)
        encoder.value(certified)
        encoder.value(validators)
        encoder.value(nextValidators)
        encoder.value(history)
        encoder.unsigned(nextEventSequence)
        encoder.list(chunks)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 7)
        guard try decoder.text() == SnapshotManifest.format else {
            throw decoder.invalid("not a \(SnapshotManifest.format) manifest")
        }
        certified = try decoder.value()
        validators = try decoder.value()
        nextValidators = try decoder.value()
        history = try decoder.value()
        nextEventSequence = try decoder.unsigned()
        guard nextEventSequence > 0, nextEventSequence < 1 << 52 else {
            throw decoder.invalid("the number of the next event is \(nextEventSequence)")
        }
        chunks = try decoder.list(maximum: SnapshotManifest.chunkLimit)
    }
}
