import Dispatch
import Glibc
import Primitives
import Storage
import Synchronization

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
        let start = try restoreState(into: store, through: last, genesis: genesis, rules: rules)
        guard store.rootOnAllCores() == certified.header.stateRoot else {
            throw .corrupt("the restored state has not the root that header \(last) certifies")
        }
        let history: TransactionHistory
        do {
            history = try TransactionHistory(size: certified.header.historySize) {
                try? self.historyHashes(level: $0, first: $1, count: $2)
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

    /// Fills the store from the newest snapshot and the change sets after it, or executes the genesis and applies all
    /// change sets; returns the height of the snapshot. The order of paths lets both be read as one sorted list, which
    /// the store takes without looking for the places.
    private func restoreState(
        into store: any StateStore, through last: UInt64, genesis: Genesis, rules: Rules
    ) throws(LedgerArchiveError) -> UInt64 {
        let heights = try stored { () throws(StorageError) in try database.snapshotHeights() }
        guard let height = heights.first,
            let snapshot = try stored({ () throws(StorageError) in try database.snapshot(height: height) })
        else {
            do { try LedgerState.makeGenesis(genesis, rules: rules, store: store) } catch {
                throw .corrupt("the genesis does not execute: \(error)")
            }
            var walk = ReplayedChanges.Walk(try changeSets(after: 0, through: last))
            _ = try walk.advance(through: nil) { (path, value) throws(LedgerArchiveError) in
                guard let value else { return store.delete([UInt8](path)) }
                do { try store.put([UInt8](path), [UInt8](value)) } catch { throw .corrupt("a change: \(error)") }
            }
            return 0
        }
        var walk = ReplayedChanges.Walk(try changeSets(after: height, through: last))
        // Checked as a whole at the end, by the root that a header certifies.
        let append: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws(LedgerArchiveError) -> Void = {
            (path, value) throws(LedgerArchiveError) in
            guard let value else { return }
            do { try store.append(path, value) } catch { throw .corrupt("snapshot \(height): \(error)") }
        }
        for digest in snapshot.chunkDigests {
            guard let content = try stored({ () throws(StorageError) in try database.chunk(digest) }) else {
                throw .corrupt("a chunk of snapshot \(height) is missing")
            }
            try LedgerArchive.forEachEntry(of: content, height: height) { (path, value) throws(LedgerArchiveError) in
                guard try !walk.advance(through: path, append) else { return }
                try append(path, value)
            }
        }
        _ = try walk.advance(through: nil, append)
        return height
    }

    /// Reads, checks and sorts the change sets of the heights after one.
    private func changeSets(after start: UInt64, through last: UInt64) throws(LedgerArchiveError) -> [ReplayedChanges] {
        guard start < last else { return [] }
        let parts =
            last - start < 256
            ? [try LedgerArchive.changeSets(in: start + 1...last, database)]
            : try LedgerArchive.changeSetsOnAllCores(in: start + 1...last, path: database.path)
        changedByteCount = parts.reduce(0) { $0 + $1.changedByteCount }
        blocksSinceSnapshot = parts.reduce(0) { $0 + $1.blockCount }
        return parts
    }

    /// Divides the heights among the cores, each with a handle of its own.
    private static func changeSetsOnAllCores(
        in heights: ClosedRange<UInt64>, path: String
    ) throws(LedgerArchiveError) -> [ReplayedChanges] {
        let count = heights.upperBound - heights.lowerBound + 1
        let partCount = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let results = Mutex([Result<ReplayedChanges, LedgerArchiveError>?](repeating: nil, count: partCount))
        DispatchQueue.concurrentPerform(iterations: partCount) { part in
            let first = heights.lowerBound + count * UInt64(part) / UInt64(partCount)
            let end = heights.lowerBound + count * UInt64(part + 1) / UInt64(partCount)
            let result: Result<ReplayedChanges, LedgerArchiveError>
            do throws(LedgerArchiveError) {
                let reader = try stored { () throws(StorageError) in try LedgerReader.open(path: path) }
                result = .success(try changeSets(in: first...end - 1, reader))
            } catch {
                result = .failure(error)
            }
            results.withLock { $0[part] = result }
        }
        var parts: [ReplayedChanges] = []
        for case let result? in results.withLock({ $0 }) { parts.append(try result.get()) }
        return parts
    }

    private static func changeSets(
        in heights: ClosedRange<UInt64>, _ reader: LedgerReader
    ) throws(LedgerArchiveError) -> ReplayedChanges {
        var replayed = ReplayedChanges()
        var failure: LedgerArchiveError?
        var next = heights.lowerBound
        try stored { () throws(StorageError) in
            try reader.forEachChanges(in: heights) { height, changes in
                guard height == next else { return false }
                do throws(CBORError) { try replayed.add(changes) } catch {
                    failure = .corrupt("the changes of block \(height): \(error)")
                    return false
                }
                next += 1
                return true
            }
        }
        if let failure { throw failure }
        guard next == heights.upperBound + 1 else { throw .corrupt("the change set of block \(next) is missing") }
        replayed.settle()
        return replayed
    }

    /// Hands over the entries of an encoded chunk where they lie.
    private static func forEachEntry(
        of content: [UInt8], height: UInt64,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(LedgerArchiveError) -> Void
    ) throws(LedgerArchiveError) {
        var failure: LedgerArchiveError?
        try decoded("a chunk of snapshot \(height)") { () throws(CBORError) in
            try CBORDecoder.read(content) { (decoder) throws(CBORError) in
                for _ in 0..<(try decoder.array()) {
                    try decoder.array(count: 2)
                    let path = try decoder.borrowedBytes()
                    let value = try decoder.borrowedBytes()
                    decoder.withBytes(in: path) { path in
                        decoder.withBytes(in: value) { value in
                            do throws(LedgerArchiveError) { try body(path, value) } catch { failure = error }
                        }
                    }
                    if failure != nil { throw decoder.invalid("an entry out of order") }
                }
            }
        }
        if let failure { throw failure }
    }
}
