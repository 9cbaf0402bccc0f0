import Primitives

/// A block that an operator trusts, learned from people and not from the network: the anchor of weak subjectivity. Old
/// validators' keys are worth nothing to whoever steals them, once a new node believes no chain without this block.
public struct Checkpoint: Hashable, Sendable, CustomStringConvertible {
    public let height: UInt64
    public let headerID: Digest

    /// Nil for the height of the genesis, which needs no checkpoint.
    public init?(height: UInt64, headerID: Digest) {
        guard height > 0 else { return nil }
        self.height = height
        self.headerID = headerID
    }

    /// `HEIGHT:ID`, the id in 64 hexadecimal digits, as `vinculum ledger head` shows it.
    public init?(text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let height = UInt64(parts[0]), "\(height)" == parts[0],
            let id = try? Digest(hex: parts[1])
        else { return nil }
        self.init(height: height, headerID: id)
    }

    public var description: String { "\(height):\(headerID.hex)" }

    /// Throws if the header is of the checkpoint's height and is another one.
    public func check(_ header: Header) throws(TrustError) {
        guard header.height == height, header.id != headerID else { return }
        throw TrustError(.wrongCheckpoint, "block \(height) is \(header.id.hex) and not the checkpoint \(headerID.hex)")
    }
}

/// A header as it is given to whoever follows headers: with the validators that certify it, where they are not those of
/// the header given before it.
public struct LinkedHeader: Hashable, Sendable, CBORCodable {
    public let certified: CertifiedHeader
    public let validators: ValidatorSet?

    public init(_ certified: CertifiedHeader, validators: ValidatorSet?) {
        self.certified = certified
        self.validators = validators
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(certified)
        if let validators { encoder.value(validators) } else { encoder.null() }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        certified = try decoder.value()
        validators = try decoder.optional()
    }
}

/// Follows headers from a trusted one upwards, each certified by the validators whom the one before hands over to.
public struct HeaderPath: Sendable {
    public private(set) var last: Header
    private var validators: ValidatorSet

    /// - Throws: `TrustError` unless the validators certify the header.
    public init(from certified: CertifiedHeader, validators: ValidatorSet) throws(TrustError) {
        try certified.certificate.verify(certified.header, validators: validators)
        last = certified.header
        self.validators = validators
    }

    /// Takes the next header.
    public mutating func take(_ linked: LinkedHeader) throws(TrustError) {
        let header = linked.certified.header
        guard header.chain == last.chain else {
            throw TrustError(.wrongChain, "the header is of chain \(header.chain)")
        }
        guard header.height == last.height + 1, header.parent == last.id,
            header.timeMilliseconds > last.timeMilliseconds
        else { throw TrustError(.malformed, "header \(header.height) does not follow header \(last.height)") }
        guard header.validatorSetDigest == last.nextValidatorSetDigest else {
            throw TrustError(.wrongValidatorSet, "header \(last.height) hands over to other validators")
        }
        let next = linked.validators ?? validators
        try linked.certified.certificate.verify(header, validators: next)
        (last, validators) = (header, next)
    }
}
