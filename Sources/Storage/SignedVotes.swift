/// The last thing a consensus key signed: its place, and the digest of the signed bytes.
public struct SignedVote: Equatable, Sendable {
    public var height: UInt64
    public var round: UInt32
    public var step: UInt8
    public var digest: [UInt8]

    public init(height: UInt64, round: UInt32, step: UInt8, digest: [UInt8]) {
        self.height = height
        self.round = round
        self.step = step
        self.digest = digest
    }

    fileprivate var place: (UInt64, UInt32, UInt8) { (height, round, step) }
}

extension LedgerReader {
    public func lastVote(signer: [UInt8]) throws(StorageError) -> SignedVote? {
        try connection.first("SELECT height, round, step, digest FROM votes WHERE signer = ?", .blob(signer)) {
            (row) throws(StorageError) in
            SignedVote(
                height: row.unsigned(0), round: UInt32(clamping: row.integer(1)), step: UInt8(clamping: row.integer(2)),
                digest: row.bytes(3))
        }
    }
}

extension LedgerDatabase {
    /// Asks leave to sign. Granted, and synced, before the signature may leave the node: only for a place after the
    /// last one, or for the very same bytes again. Anything else throws `.wouldEquivocate`, and everything throws
    /// `.signingHeld` while a hold stands.
    ///
    /// What the vote depends on is written in the same transaction: nothing of it without the vote, and one sync.
    public func grantVote(
        _ vote: SignedVote, signer: [UInt8], with changes: [RecordChange] = [], in namespace: String = ""
    ) throws(StorageError) {
        guard vote.height <= UInt64(Int64.max) else { throw .outOfRange("height above 2^63 - 1") }
        try syncedTransaction { () throws(StorageError) in
            if let time = try signingHold() { throw StorageError.signingHeld(untilMilliseconds: time) }
            if let last = try lastVote(signer: signer) {
                if last == vote { return try put(changes, in: namespace) }
                guard last.place < vote.place else { throw StorageError.wouldEquivocate(last: last) }
            }
            try connection.run(
                "INSERT OR REPLACE INTO votes VALUES(?, ?, ?, ?, ?)", .blob(signer), .key(vote.height),
                .integer(Int64(vote.round)), .integer(Int64(vote.step)), .blob(vote.digest))
            try put(changes, in: namespace)
        }
    }
}
