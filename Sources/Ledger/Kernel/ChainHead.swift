import Primitives

/// Where the chain stands: what the next block builds on.
public struct ChainHead: Hashable, Sendable {
    public let height: UInt64
    /// Of the genesis: the digest in the chain id.
    public let headerID: Digest
    public let timeMilliseconds: UInt64
    public let beacon: Digest
    /// The set that certifies the next block.
    public let validators: ValidatorSet
    /// Nil before the first block.
    public let certified: CertifiedHeader?

    public init(genesis: Genesis) {
        let chain = genesis.chain
        height = 0
        headerID = chain.digest
        timeMilliseconds = genesis.timeMilliseconds
        beacon = genesis.firstBeacon
        validators = genesis.validators
        certified = nil
    }

    public init(certified: CertifiedHeader, beacon: Digest, validators: ValidatorSet) {
        height = certified.header.height
        headerID = certified.header.id
        timeMilliseconds = certified.header.timeMilliseconds
        self.beacon = beacon
        self.validators = validators
        self.certified = certified
    }
}
