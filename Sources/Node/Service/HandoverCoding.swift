import Ledger
import Primitives

extension Ledger.CertifiedHeader {
    /// As a node hands it out.
    public init(_ encoded: CertifiedHeader) throws(CBORError) {
        self.init(header: try Header.decode(encoded.header), certificate: try Certificate.decode(encoded.certificate))
    }
}

extension Handover {
    /// A header that a node hands out with the validators to whom it hands over.
    public init(_ encoded: CertifiedHeader) throws(CBORError) {
        let validators = try ValidatorSet.decode(encoded.newValidators ?? [])
        self.init(certified: try Ledger.CertifiedHeader(encoded), validators: validators)
    }
}

extension TrustAnchor {
    /// Learns of the validators of a header through any node: those who are believed have certified who comes after
    /// them, and so on.
    ///
    /// - Returns: the handovers that were new.
    /// - Throws: `ServiceError`, `CBORError`, and `TrustError` for a handover that does not hold.
    @discardableResult
    public mutating func follow(to header: Header, of service: any NodeService) async throws -> [Handover] {
        var taken: [Handover] = []
        while isBehind(header) {
            let before = firstHeight
            for encoded in try await service.handovers(from: before, limit: TrustAnchor.handoversAtOnce) {
                let handover = try Handover(encoded)
                guard handover.certified.header.height < header.height else { return taken }
                try take(handover)
                taken.append(handover)
            }
            // The node has no more: whether that is enough shows when the header is verified.
            guard firstHeight > before else { break }
        }
        return taken
    }

    /// Sets of many validators are tens of kilobytes each.
    static let handoversAtOnce = 100
}
