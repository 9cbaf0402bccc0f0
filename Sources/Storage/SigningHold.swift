/// A database that was restored from a backup does not know what its key signed after the backup was made. Until the
/// hold is lifted no vote is granted.
extension LedgerReader {
    /// The time, in milliseconds since 1970, after which a final block has to be seen before anything is signed; nil
    /// when nothing is held back.
    public func signingHold() throws(StorageError) -> UInt64? { try metaNumber("signing_hold_ms") }
}

extension LedgerDatabase {
    /// Holds every vote back until a block that is later than a time is final; synced.
    public func holdSigning(untilBlockAfter milliseconds: UInt64) throws(StorageError) {
        guard milliseconds <= UInt64(Int64.max) else { throw .outOfRange("time \(milliseconds)") }
        try syncedTransaction { () throws(StorageError) in try setMeta("signing_hold_ms", milliseconds) }
    }

    /// Lets votes be granted again; synced.
    public func liftSigningHold() throws(StorageError) {
        try syncedTransaction { () throws(StorageError) in
            try connection.run("DELETE FROM meta WHERE name = 'signing_hold_ms'")
        }
    }
}
