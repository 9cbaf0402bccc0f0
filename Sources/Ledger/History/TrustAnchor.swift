import Primitives

/// A certified header after which other validators certify, with those: one link of the chain of trust that leads from
/// the genesis to the validators of any height. Tuple: [certified header, set].
public struct Handover: Hashable, Sendable, CBORCodable {
    public let certified: CertifiedHeader
    /// Those who certify the blocks after the header, until the next handover.
    public let validators: ValidatorSet

    public init(certified: CertifiedHeader, validators: ValidatorSet) {
        self.certified = certified
        self.validators = validators
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(certified)
        encoder.value(validators)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        certified = try decoder.value()
        validators = try decoder.value()
    }
}

/// Whom an offline verifier believes, and for which heights: the validators of a genesis or of a checkpoint that it
/// trusts, and those to whom a believed header has handed over since.
///
/// A set that has handed over is believed for the heights before and for none after: its keys are worth nothing to
/// whoever gets hold of them later, as far as the verifier has come.
public struct TrustAnchor: Hashable, Sendable {
    public let chain: CID
    /// By the first height that each certifies, ascending.
    private var sets: [Reign]

    private struct Reign: Hashable, Sendable {
        let first: UInt64
        let validators: ValidatorSet
        let digest: Digest
    }

    public init(chain: CID, validators: ValidatorSet) {
        self.chain = chain
        sets = [Reign(first: 0, validators: validators, digest: validators.digest)]
    }

    public init(genesis: Genesis) { self.init(chain: genesis.chain, validators: genesis.validators) }

    /// The newest set that is believed.
    public var validators: ValidatorSet { newest.validators }
    /// The first height that the newest set certifies.
    public var firstHeight: UInt64 { newest.first }

    private var newest: Reign { sets[sets.count - 1] }

    /// Throws unless the header is of the chain and final under the validators of its height.
    public func verify(_ certified: CertifiedHeader) throws(TrustError) {
        let header = certified.header
        guard header.chain == chain else {
            throw TrustError(.wrongChain, "the header is of chain \(header.chain), not \(chain)")
        }
        let reign = sets.last { $0.first <= header.height } ?? sets[0]
        guard reign.digest == header.validatorSetDigest else {
            throw TrustError(
                .wrongValidatorSet, "header \(header.height) is certified by validators that no believed header names")
        }
        try certified.certificate.verify(header, validators: reign.validators)
    }

    /// Whether a header's validators are not those that are believed for its height: handovers may lead to them.
    public func isBehind(_ header: Header) -> Bool {
        header.height >= newest.first && header.validatorSetDigest != newest.digest
    }

    /// Believes the validators to whom a header hands over, which the newest ones have certified. A handover that was
    /// taken before is passed over.
    public mutating func take(_ handover: Handover) throws(TrustError) {
        let header = handover.certified.header
        try verify(handover.certified)
        let digest = handover.validators.digest
        guard header.nextValidatorSetDigest == digest else {
            throw TrustError(.wrongValidatorSet, "header \(header.height) hands over to another set of validators")
        }
        guard header.height >= newest.first, digest != newest.digest else { return }
        sets.append(Reign(first: header.height + 1, validators: handover.validators, digest: digest))
    }

    /// The same with several, in the order of their heights.
    public mutating func take(_ handovers: [Handover]) throws(TrustError) {
        for handover in handovers { try take(handover) }
    }
}
