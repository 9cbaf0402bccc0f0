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
    /// Restores the last committed state: the newest snapshot and the change sets after it, compared at the end with
    /// the state root of the last header. A snapshot that is damaged is deleted, and the one before it takes its place.
    /// Nothing is executed again, unless the file holds no snapshot. Nil for a database without either.
    ///
    /// - Parameter makeStore: an empty store for each attempt.
    public func restore(
        genesis: Genesis, rules: Rules, makeStore: () -> any StateStore = { MemoryStateStore() }
    ) throws(LedgerArchiveError) -> RestoredLedger? {
        let heights = try stored { () throws(StorageError) in try database.snapshotHeights() }
        guard let last = try stored({ () throws(StorageError) in try database.lastHeight() }),
            let summary = try stored({ () throws(StorageError) in try database.summary(height: last) })
        else {
            guard heights.first == 0 else { return nil }
            return try restoreGenesis(genesis, rules, into: makeStore())
        }
        let (certified, beacon) = try LedgerArchive.certified(summary)
        let sets = LedgerArchiveReader(reader: database, genesis: genesis)
        let validators = try sets.validators(certified.header.validatorSetDigest)
        do { try TrustAnchor(chain: genesis.chain, validators: validators).verify(certified) } catch {
            throw .corrupt("the last header is not certified: \(error)")
        }
        let (store, start) = try restoreState(heights, certified.header, genesis, rules, makeStore)
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
        return RestoredLedger(
            state: try LedgerArchive.state(store, rules, genesis),
            head: ChainHead(
                certified: certified, beacon: beacon,
                validators: try sets.validators(certified.header.nextValidatorSetDigest)), history: history,
            snapshotHeight: start)
    }

    /// The first state, as it was when the database was made: a later program does not have to come to the same one.
    private func restoreGenesis(
        _ genesis: Genesis, _ rules: Rules, into store: any StateStore
    ) throws(LedgerArchiveError) -> RestoredLedger {
        guard let snapshot = try stored({ () throws(StorageError) in try database.snapshot(height: 0) }) else {
            throw .corrupt("the snapshot of the genesis is missing")
        }
        try fill(store, from: snapshot, through: 0)
        guard store.rootOnAllCores().bytes == snapshot.root else {
            throw .corrupt("the snapshot of the genesis has not its root")
        }
        return RestoredLedger(
            state: try LedgerArchive.state(store, rules, genesis), head: ChainHead(genesis: genesis),
            history: TransactionHistory(), snapshotHeight: 0)
    }

    private static func state(
        _ store: any StateStore, _ rules: Rules, _ genesis: Genesis
    ) throws(LedgerArchiveError) -> LedgerState {
        do { return try LedgerState(restored: store, rules: rules, chain: genesis.chain) } catch {
            throw .corrupt(error.detail)
        }
    }

    /// The state of the last header, from the newest snapshot that leads to it.
    private func restoreState(
        _ heights: [UInt64], _ header: Header, _ genesis: Genesis, _ rules: Rules, _ makeStore: () -> any StateStore
    ) throws(LedgerArchiveError) -> (store: any StateStore, snapshotHeight: UInt64) {
        func check(_ store: any StateStore) throws(LedgerArchiveError) {
            guard store.rootOnAllCores() == header.stateRoot else {
                throw .corrupt("the restored state has not the root that header \(header.height) certifies")
            }
        }
        var damaged: [UInt64] = []
        var failure: LedgerArchiveError?
        for height in heights where height <= header.height {
            let store = makeStore()
            do throws(LedgerArchiveError) {
                guard let snapshot = try stored({ () throws(StorageError) in try database.snapshot(height: height) })
                else { continue }
                try fill(store, from: snapshot, through: header.height)
                try check(store)
            } catch {
                damaged.append(height)
                failure = failure ?? error
                continue
            }
            // Its chunks would be taken for good ones by the next snapshot.
            let dropped = damaged
            if !dropped.isEmpty {
                try stored { () throws(StorageError) in try database.deleteSnapshots(dropped) }
            }
            return (store, height)
        }
        if let failure { throw failure }
        let store = makeStore()
        try execute(genesis, rules, through: header.height, into: store)
        try check(store)
        return (store, 0)
    }

    /// For a file without a snapshot: the genesis is executed, and all change sets applied.
    private func execute(
        _ genesis: Genesis, _ rules: Rules, through last: UInt64, into store: any StateStore
    ) throws(LedgerArchiveError) {
        do { try LedgerState.makeGenesis(genesis, rules: rules, store: store) } catch {
            throw .corrupt("the genesis does not execute: \(error)")
        }
        var walk = ReplayedChanges.Walk(try changeSets(after: 0, through: last))
        _ = try walk.advance(through: nil) { (path, value) throws(LedgerArchiveError) in
            guard let value else { return store.delete([UInt8](path)) }
            do { try store.put([UInt8](path), [UInt8](value)) } catch { throw .corrupt("a change: \(error)") }
        }
    }

    /// Fills a store from a snapshot and the change sets after it. The order of paths lets both be read as one sorted
    /// list, which the store takes without looking for the places.
    private func fill(
        _ store: any StateStore, from snapshot: SnapshotSummary, through last: UInt64
    ) throws(LedgerArchiveError) {
        let height = snapshot.height
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
