import Primitives
import Storage

/// What a restart brings back: enough for a kernel to go on.
public struct RestoredLedger {
    public let state: LedgerState
    public let head: ChainHead
    public let history: TransactionHistory
    /// The height of the snapshot that the restart began from; 0 for the genesis.
    public let snapshotHeight: UInt64
}

extension LedgerArchive {
    /// Restores the last committed state: the newest snapshot (or the genesis) and the change sets after it, compared
    /// at the end with the state root of the last header. Nothing is executed again. Nil for a database without blocks.
    public func restore(
        genesis: Genesis, rules: Rules, store: any StateStore = MemoryStateStore()
    ) throws(LedgerArchiveError) -> RestoredLedger? {
        guard let last = try stored({ () throws(StorageError) in try database.lastHeight() }),
            let summary = try stored({ () throws(StorageError) in try database.summary(height: last) })
        else { return nil }
        let (certified, beacon) = try LedgerArchive.certified(summary)
        do { try TrustAnchor(genesis: genesis).verify(certified) } catch {
            throw .corrupt("the last header is not certified: \(error)")
        }
        let start = try restoreSnapshot(into: store, genesis: genesis, rules: rules)
        var failure: LedgerArchiveError?
        var next = start + 1
        try stored { () throws(StorageError) in
            try database.forEachChanges(from: start + 1) { height, changes in
                do throws(LedgerArchiveError) {
                    guard height == next else { throw .corrupt("block \(next) is missing") }
                    try LedgerArchive.apply(changes.bytes, to: store, height: height)
                    next += 1
                } catch {
                    failure = error
                }
                return failure == nil
            }
        }
        if let failure { throw failure }
        guard next == last + 1 else { throw .corrupt("the change sets end at \(next - 1), the headers at \(last)") }
        guard store.root() == certified.header.stateRoot else {
            throw .corrupt("the restored state has not the root that header \(last) certifies")
        }
        let history: TransactionHistory
        do {
            history = try TransactionHistory(size: certified.header.historySize) {
                try? self.tile(level: $0, position: $1)
            }
        } catch {
            throw .corrupt(error.reason)
        }
        guard history.root() == certified.header.historyRoot else {
            throw .corrupt("the restored history has not the root that header \(last) certifies")
        }
        do {
            return RestoredLedger(
                state: try LedgerState(restored: store, rules: rules, chain: genesis.chain),
                head: ChainHead(certified: certified, beacon: beacon, validators: genesis.validators), history: history,
                snapshotHeight: start)
        } catch {
            throw .corrupt(error.detail)
        }
    }

    /// Fills the store from the newest snapshot, or executes the genesis; returns the height.
    private func restoreSnapshot(
        into store: any StateStore, genesis: Genesis, rules: Rules
    ) throws(LedgerArchiveError) -> UInt64 {
        let heights = try stored { () throws(StorageError) in try database.snapshotHeights() }
        guard let height = heights.first,
            let snapshot = try stored({ () throws(StorageError) in try database.snapshot(height: height) })
        else {
            do { try LedgerState.makeGenesis(genesis, rules: rules, store: store) } catch {
                throw .corrupt("the genesis does not execute: \(error)")
            }
            return 0
        }
        for digest in snapshot.chunkDigests {
            guard let content = try stored({ () throws(StorageError) in try database.chunk(digest) }) else {
                throw .corrupt("a chunk of snapshot \(height) is missing")
            }
            // Checked as a whole at the end, by the root that a header certifies.
            try LedgerArchive.apply(content.span.bytes, to: store, height: height)
        }
        return height
    }

    /// Applies an encoded list of paths and values: a change set, or a chunk.
    private static func apply(
        _ encoded: RawSpan, to store: any StateStore, height: UInt64
    ) throws(LedgerArchiveError) {
        let changes = try decoded("the changes of block \(height)") { () throws(CBORError) in
            try [StateChange].decode(encoded)
        }
        do { try store.applyForGood(changes) } catch { throw .corrupt("the changes of block \(height): \(error)") }
    }
}
