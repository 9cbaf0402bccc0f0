/// What can go wrong with the database, each case with what an operator needs to act on it.
///
/// SQLite's own result code (extended) and text are kept wherever SQLite reported the failure.
public enum StorageError: Error, Equatable, Sendable {
    /// No space is left. Nothing of the refused write is visible; it can be tried again once there is space.
    case diskFull(code: Int32, text: String, during: String)
    /// Another process has the file open for writing.
    case inUse(path: String)
    /// The file is not a database of this program.
    case notALedger(path: String, detail: String)
    /// The file belongs to another chain.
    case otherChain(found: [UInt8], expected: [UInt8])
    /// The file was written by a newer program; this one must not touch it.
    case newerSchema(found: Int, supported: Int)
    /// The file is older than any version that this program can migrate.
    case noMigration(found: Int, supported: Int)
    /// A row does not match its checksum, or a stored structure cannot be read.
    case corruptRow(table: String, key: UInt64)
    /// SQLite's own integrity check found damage.
    case damaged(String)
    /// The data below this height has been deleted on purpose. Whoever asked for events can go on before the first one
    /// that is kept.
    case pruned(firstKeptHeight: UInt64, firstKeptSequence: UInt64? = nil)
    /// A block that does not follow the last one.
    case wrongHeight(expected: UInt64, given: UInt64)
    /// A signature at or before the last signed place, over other bytes, was refused.
    case wouldEquivocate(last: SignedVote)
    /// Nothing is signed before a block later than this time (milliseconds since 1970) is final: the database was
    /// restored from a backup.
    case signingHeld(untilMilliseconds: UInt64)
    /// A number or name that the file format cannot hold.
    case outOfRange(String)
    /// A write could not be synced or undone earlier, so the state on disk is unknown: open the file again.
    case mustReopen
    /// Any other failure that SQLite reports.
    case sqlite(code: Int32, text: String, during: String)
    /// A call to the operating system failed.
    case system(errno: Int32, during: String)
}

extension StorageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .diskFull(_, let text, let during): "no space left while \(during): \(text)"
        case .inUse(let path): "\(path) is in use by another process"
        case .notALedger(let path, let detail): "\(path) is not a Vinculum database: \(detail)"
        case .otherChain: "the database belongs to another chain"
        case .newerSchema(let found, let supported):
            "the database has format \(found), this program reads up to \(supported): use a newer program"
        case .noMigration(let found, let supported):
            "the database has format \(found), which cannot be migrated to \(supported)"
        case .corruptRow(let table, let key): "row \(key) of \(table) is corrupt"
        case .damaged(let detail): "the database is damaged: \(detail)"
        case .pruned(let height, _): "pruned: the first kept height is \(height)"
        case .wrongHeight(let expected, let given): "block \(given) does not follow: expected \(expected)"
        case .wouldEquivocate(let last):
            "refused to sign: already signed height \(last.height) round \(last.round) step \(last.step)"
        case .signingHeld(let time):
            "refused to sign: restored from a backup, and no block later than \(time) ms is final yet"
        case .outOfRange(let what): "out of range: \(what)"
        case .mustReopen: "an earlier write may not have reached the disk: open the database again"
        case .sqlite(let code, let text, let during): "SQLite error \(code) while \(during): \(text)"
        case .system(let errno, let during): "system error \(errno) while \(during)"
        }
    }
}
