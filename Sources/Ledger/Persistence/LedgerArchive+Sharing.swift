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
        return ExportedBlock(certified: certified, transactions: transactions)
    }
}
