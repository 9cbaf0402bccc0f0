import Primitives
import Storage

/// Why the stored chain could not be written or read.
public enum LedgerArchiveError: Error, Sendable, CustomStringConvertible {
    /// The database's own answer: a full disk, a corrupt row, a pruned height.
    case storage(StorageError)
    /// Stored bytes contradict what they are certified to be, or do not decode.
    case corrupt(String)
    case kernel(KernelError)
    /// There is no such slot, transaction or height.
    case notFound(String)

    public var description: String {
        switch self {
        case .storage(let error): "\(error)"
        case .corrupt(let reason): "the stored ledger is corrupt: \(reason)"
        case .kernel(let error): "\(error)"
        case .notFound(let what): "not found: \(what)"
        }
    }
}

/// Runs a call of Storage and says its error in ours.
func stored<Value>(_ body: () throws(StorageError) -> Value) throws(LedgerArchiveError) -> Value {
    do { return try body() } catch { throw .storage(error) }
}

/// Decodes stored bytes; bytes that do not decode are corrupt.
func decoded<Value>(
    _ what: String, _ body: () throws(CBORError) -> Value
) throws(LedgerArchiveError) -> Value {
    do { return try body() } catch { throw .corrupt("\(what): \(error)") }
}
