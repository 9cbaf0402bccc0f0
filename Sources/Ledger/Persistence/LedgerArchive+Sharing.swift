import Primitives
import Storage

extension LedgerArchive {
    /// A block as other nodes take it. A pruned one answers `storage(.pruned)` with the first kept height.
    public func exportedBlock(height: UInt64) throws(LedgerArchiveError) -> ExportedBlock {
        let certified = try certifiedHeader(height: height)
        guard let body = try stored({ () throws(StorageError) in try database.body(height: height) }) else {
            throw .corrupt("block \(height) has no body")
        }
        let transactions = try decoded("transactions of \(height)") { () throws(CBORError) in
            try CBORDecoder.read(body.transactions) { (decoder) throws(CBORError) in
                var transactions: [[UInt8]] = []
                for _ in 0..<(try decoder.array()) { transactions.append(try decoder.bytes()) }
                return transactions
            }
        }
        let header = certified.header
        let sets = LedgerArchiveReader(reader: database, genesis: nil)
        return ExportedBlock(
            certified: certified, transactions: transactions,
            newValidators: header.nextValidatorSetDigest == header.validatorSetDigest
                ? nil : try sets.validators(header.nextValidatorSetDigest))
    }
}

extension LedgerArchive {
    /// Headers from a height on that hand over to other validators, with those, at most `limit`. Below the block that
    /// the database begins with the answer is `storage(.pruned)`, unless its validators are those of the genesis: then
    /// whoever believes the genesis needs nothing from before.
    public func handovers(
        from first: UInt64, through last: UInt64 = .max, limit: Int, genesis: Genesis
    ) throws(LedgerArchiveError) -> [Handover] {
        let base = try stored { () throws(StorageError) in try database.baseHeight() }
        if first < base, try certifiedHeader(height: base).header.validatorSetDigest != genesis.validators.digest {
            throw .storage(.pruned(firstKeptHeight: base))
        }
        let sets = LedgerArchiveReader(reader: database, genesis: genesis)
        var handovers: [Handover] = []
        for height in try ValidatorRecords.heights(in: database, from: first, limit: limit) {
            guard height <= last else { break }
            let certified = try certifiedHeader(height: height)
            handovers.append(
                Handover(
                    certified: certified, validators: try sets.validators(certified.header.nextValidatorSetDigest)))
        }
        return handovers
    }

    /// A set that a header of this chain names; nil for another.
    public func validators(_ digest: Digest, genesis: Genesis) throws(LedgerArchiveError) -> ValidatorSet? {
        try LedgerArchiveReader(reader: database, genesis: genesis).storedValidators(digest)
    }

    /// Throws unless the last header is of the chain and certified by its validators. An empty database has none.
    public func checkLastHeader(genesis: Genesis) throws(LedgerArchiveError) {
        guard let last = try stored({ () throws(StorageError) in try database.lastHeight() }) else { return }
        let certified = try certifiedHeader(height: last)
        let sets = LedgerArchiveReader(reader: database, genesis: genesis)
        let validators = try sets.validators(certified.header.validatorSetDigest)
        do { try TrustAnchor(chain: genesis.chain, validators: validators).verify(certified) } catch {
            throw .corrupt("the last header is not certified: \(error)")
        }
    }
}
