import Primitives

/// Why a backup was not made or not restored. Nothing was changed then.
public struct BackupError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The file is no backup, or of a later program's format.
        case notABackup = "not_a_backup"
        /// The file ends before its end: the copy was broken off.
        case cut
        /// Some bytes are not those that were written.
        case damaged
        /// The backup is of another chain than was asked for, or holds what contradicts its own genesis.
        case wrongChain = "wrong_chain"
        /// A file or folder is there already; nothing is ever overwritten.
        case exists
        /// Another backup is being written to the same place.
        case inUse = "in_use"
        /// The node keeps a file outside of its folder.
        case outside
    }

    public let code: Code
    public let reason: String
    /// The file, or the entry in it.
    public let place: String

    public init(_ code: Code, _ reason: String, place: String) {
        self.code = code
        self.reason = reason
        self.place = place
    }

    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }
}
