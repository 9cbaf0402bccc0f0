import Storage

extension LedgerArchive {
    /// Deletes a batch of old blocks' bodies and events. Headers and certificates stay, and so does all that a restart
    /// needs: the last snapshot and every block after it.
    ///
    /// - Parameter count: so many blocks below `head` are kept in any case.
    /// - Returns: true when there is nothing more to delete now.
    @discardableResult
    public func prune(keeping count: UInt64, head: UInt64) throws(LedgerArchiveError) -> Bool {
        guard head > count else { return true }
        return try stored { () throws(StorageError) in
            // The oldest that is kept: a restart may have to fall back on it.
            guard let snapshot = try database.snapshotHeights().last else { return true }
            return try database.prune(below: min(head - count, snapshot), batch: Self.pruningBatch)
        }
    }

    /// Blocks that one call deletes: short enough to pass between two blocks.
    private static let pruningBatch: UInt64 = 256
}
