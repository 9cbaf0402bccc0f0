import Glibc
import TestSupport
import Testing

@testable import Storage

/// A database in a folder of its own, removed with the value.
final class ScratchDatabase {
    private let folder: TemporaryFolder
    var path: String { folder.path("ledger.db") }

    init() throws { folder = try TemporaryFolder() }

    func open(chain: [UInt8] = [1, 2, 3], durability: Durability = .full) throws -> LedgerDatabase {
        try LedgerDatabase.open(path: path, chain: chain, durability: durability)
    }
}

/// Deterministic filler: the same number gives the same bytes.
func bytes(_ count: Int, _ seed: UInt64) -> [UInt8] {
    var state = seed &+ 0x9e37_79b9_7f4a_7c15
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 24)
    }
}

func transactionID(_ height: UInt64, _ index: Int) -> [UInt8] {
    bytes(32, (height << 20) | UInt64(index))
}

func block(_ height: UInt64, transactions: Int = 3) -> (BlockRecord, BlockIndexes) {
    let record = BlockRecord(
        height: height, timeMilliseconds: height * 10, transactionCount: UInt32(transactions),
        header: bytes(200, height), certificate: bytes(100, height + 1),
        transactions: bytes(250 * transactions, height + 2), receipts: bytes(10 * transactions, height + 3),
        changes: bytes(140 * transactions, height + 4))
    let ids = (0..<transactions).map { transactionID(height, $0) }
    var events: [NewEvent] = []
    for index in 0..<transactions {
        let accounts = [bytes(33, height % 7), bytes(33, 1_000 + UInt64(index))]
        let kind = index % 2 == 0 ? "transfer" : "fee"
        events.append(
            NewEvent(
                module: "tokens", kind: kind, path: [UInt8(truncatingIfNeeded: index)], accounts: accounts,
                payload: bytes(20, UInt64(index))))
    }
    return (record, BlockIndexes(transactionIDs: ids, events: events))
}

@Suite struct StorageTests {
    @Test func checksumIsThePublishedOne() {
        var checksum = Checksum()
        Array("123456789".utf8).withUnsafeBytes { checksum.addRaw($0) }
        #expect(checksum.value == 0xe306_9283)  // RFC 3720, appendix B.4 names the polynomial; the usual check value.
    }

    @Test func blocksSurviveReopeningAndAreFoundByHeightSlotAndID() throws {
        let scratch = try ScratchDatabase()
        do {
            let database = try scratch.open()
            for height in UInt64(1)...600 {
                let (record, indexes) = block(height)
                try database.append(record, indexes: indexes)
            }
        }
        let database = try scratch.open()
        let reader = try LedgerReader.open(path: scratch.path)
        #expect(try database.lastHeight() == 600)
        for height in stride(from: UInt64(1), through: 600, by: 37) {
            let (record, indexes) = block(height)
            #expect(try reader.summary(height: height)?.header == record.header)
            #expect(try reader.body(height: height)?.changes == record.changes)
            #expect(try reader.summary(slot: (height - 1) * 3 + 2)?.height == height)
            for (index, id) in indexes.transactionIDs.enumerated() {
                #expect(try reader.slots(transactionID: id) == [(height - 1) * 3 + UInt64(index)])
            }
        }
        #expect(try reader.slots(transactionID: bytes(32, .max)).isEmpty)
        #expect(try reader.body(height: 601) == nil)
        try reader.checkIntegrity()
    }

    @Test func eventsPassFiltersInOrderFromAnyCursor() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        var all: [StoredEvent] = []
        for height in UInt64(1)...100 {
            let (record, indexes) = block(height)
            try database.append(record, indexes: indexes)
            for event in indexes.events {
                all.append(StoredEvent(sequence: UInt64(all.count + 1), height: height, event: event))
            }
        }
        let filters = [
            EventFilter(), EventFilter(module: "tokens"), EventFilter(module: "tokens", kind: "fee"),
            EventFilter(account: bytes(33, 3)), EventFilter(pathPrefix: [2]), EventFilter(module: "absent"),
        ]
        for filter in filters {
            for cursor: UInt64 in [0, 1, 17, 299, 300] {
                let expected = all.filter { $0.sequence > cursor && filter.matches($0.event) }
                var found: [StoredEvent] = []
                var next = cursor
                while true {
                    let page = try database.events(after: next, matching: filter, limit: 11)
                    found += page.events
                    if page.events.isEmpty { break }
                    next = page.next
                }
                #expect(found == expected, "filter \(filter) cursor \(cursor)")
            }
        }
    }

    /// Blocks of every size, so that look-ups meet the pending blocks, young runs and merged ones.
    @Test func indexesAnswerAlikeBeforeAndAfterEveryMerge() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        var slots: [UInt64: [UInt8]] = [:]
        var accounts: [[UInt8]: [UInt64]] = [:]
        var (slot, sequence) = (UInt64(0), UInt64(1))
        for height in UInt64(1)...1_200 {
            let (record, indexes) = block(height, transactions: height % 100 == 0 ? 3_000 : Int(height % 5))
            try database.append(record, indexes: indexes)
            for id in indexes.transactionIDs {
                if slot % 61 == 0 { slots[slot] = id }
                slot += 1
            }
            for event in indexes.events {
                for account in event.accounts { accounts[account, default: []].append(sequence) }
                sequence += 1
            }
        }
        for (slot, id) in slots { #expect(try database.slots(transactionID: id).contains(slot)) }
        let reader = try LedgerReader.open(path: scratch.path)
        for (account, expected) in accounts where expected.count % 7 == 0 {
            var found: [UInt64] = []
            var next: UInt64 = 0
            while true {
                let page = try reader.events(after: next, matching: EventFilter(account: account), limit: 500)
                found += page.events.map(\.sequence)
                if page.events.isEmpty { break }
                next = page.next
            }
            #expect(found == expected)
        }
        // The pending blocks' bodies are what their entries are made from: pruning writes the entries first.
        while try !database.prune(below: 1_199) {}
        for (slot, id) in slots { #expect(try database.slots(transactionID: id).contains(slot)) }
    }

    @Test func hashesAreReadAcrossRowsAndGapsAreSeen() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        var all: [UInt8] = []
        for height in UInt64(1)...40 {
            let hashes = bytes(32 * Int(height % 7), height)
            let run = HashRun(tree: 0, level: 1, first: UInt64(all.count / 32), hashes: hashes)
            try database.append(
                block(height).0,
                indexes: BlockIndexes(hashes: hashes.isEmpty ? [] : [run]))
            all += hashes
        }
        let count = all.count / 32
        for first in stride(from: 0, to: count, by: 3) {
            for length in [1, 2, 8, 30] where first + length <= count {
                let found = try database.hashes(tree: 0, level: 1, first: UInt64(first), count: length)
                #expect(found == Array(all[first * 32..<(first + length) * 32]))
            }
        }
        #expect(try database.hashes(tree: 0, level: 1, first: UInt64(count - 1), count: 2) == nil)
        #expect(try database.hashes(tree: 0, level: 0, first: 0, count: 1) == nil)
        try database.connection.execute("DELETE FROM hashes WHERE rowid = (SELECT min(rowid) + 6 FROM hashes)")
        try database.connection.execute("UPDATE hashes SET hashes = zeroblob(32) WHERE position = (1 << 56)")
        #expect(throws: StorageError.self) { try database.hashes(tree: 0, level: 1, first: 0, count: 1) }
        #expect(throws: StorageError.self) { try database.hashes(tree: 9, level: 1, first: 0, count: 1) }
    }

    @Test func prunedBlocksAndCursorsSaySo() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        for height in UInt64(1)...50 {
            let (record, indexes) = block(height)
            try database.append(record, indexes: indexes)
        }
        while try !database.prune(below: 30, batch: 7) {}
        #expect(throws: StorageError.pruned(firstKeptHeight: 30)) { try database.body(height: 29) }
        #expect(throws: StorageError.pruned(firstKeptHeight: 30, firstKeptSequence: 88)) {
            try database.events(after: 0)
        }
        #expect(try database.summary(height: 29) != nil)
        #expect(try database.body(height: 30) != nil)
        #expect(try database.events(after: 87).events.count == 63)
        try database.checkIntegrity()
    }

    @Test func otherChainsNewerFilesForeignFilesAndSecondWritersAreRefused() throws {
        let scratch = try ScratchDatabase()
        do {
            let database = try scratch.open()
            #expect(throws: StorageError.inUse(path: scratch.path)) { try scratch.open() }
            _ = database
        }
        #expect(throws: StorageError.otherChain(found: [1, 2, 3], expected: [9])) { try scratch.open(chain: [9]) }
        do { try Connection(path: scratch.path, access: .readWrite).execute("PRAGMA user_version = 9") }
        #expect(throws: StorageError.newerSchema(found: 9, supported: Schema.current.version)) { try scratch.open() }
        let foreign = try ScratchDatabase()
        do { try Connection(path: foreign.path, access: .readWrite).execute("CREATE TABLE t(a)") }
        #expect(throws: StorageError.self) { try foreign.open() }
    }

    @Test func migrationSwapsInACopyOrLeavesTheFile() throws {
        let scratch = try ScratchDatabase()
        do { try scratch.open().append(block(1).0) }
        let version = Schema.current.version
        let broken = Schema(
            version: version + 1, create: "", migrations: [version: "ALTER TABLE absent ADD COLUMN x"])
        #expect(throws: StorageError.self) {
            try LedgerDatabase.open(path: scratch.path, chain: [1, 2, 3], settings: .init(), schema: broken)
        }
        do { #expect(try scratch.open().lastHeight() == 1) }
        let next = Schema(version: version + 1, create: "", migrations: [version: "CREATE TABLE added(x)"])
        let migrated = try LedgerDatabase.open(
            path: scratch.path, chain: [1, 2, 3], settings: .init(), schema: next)
        #expect(try migrated.body(height: 1) != nil)
        #expect(try FileOpening.number(migrated.connection, "user_version") == Int64(version + 1))
    }

    @Test func aChangedByteIsFound() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try database.append(block(1).0)
        try database.connection.execute("UPDATE bodies SET receipts = x'00' WHERE height = 1")
        #expect(throws: StorageError.corruptRow(table: "bodies", key: 1)) { try database.body(height: 1) }
        #expect(throws: StorageError.self) { try database.checkIntegrity() }
    }

    @Test func aFullFileRefusesWholeBlocksAndRecovers() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try database.append(block(1).0)
        try database.connection.execute("PRAGMA max_page_count = 60")
        var height: UInt64 = 2
        let refusal = #expect(throws: StorageError.self) {
            while height < 1_000 {
                let (record, indexes) = block(height, transactions: 50)
                try database.append(record, indexes: indexes)
                height += 1
            }
        }
        guard case .diskFull = refusal else {
            Issue.record("not a full disk: \(String(describing: refusal))")
            return
        }
        #expect(try database.lastHeight() == height - 1)
        try database.checkIntegrity()
        try database.connection.execute("PRAGMA max_page_count = 100000")
        let (record, indexes) = block(height, transactions: 50)
        try database.append(record, indexes: indexes)
        #expect(try database.lastHeight() == height)
    }

    @Test func votesAreGrantedOnceAPlace() throws {
        let scratch = try ScratchDatabase()
        let first = SignedVote(height: 5, round: 0, step: 1, digest: [1])
        do { try scratch.open(durability: .normal).grantVote(first, signer: [7]) }
        let database = try scratch.open()
        try database.grantVote(first, signer: [7])
        for refused in [
            SignedVote(height: 5, round: 0, step: 1, digest: [2]),
            SignedVote(height: 4, round: 9, step: 9, digest: [1]),
        ] {
            #expect(throws: StorageError.wouldEquivocate(last: first)) {
                try database.grantVote(refused, signer: [7])
            }
        }
        try database.grantVote(SignedVote(height: 5, round: 1, step: 0, digest: [2]), signer: [7])
    }

    @Test func recordsCursorsAndSnapshotsKeepWhatTheyWereGiven() throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try database.write([.init(key: [1], content: [9]), .init(key: [2], content: [])], in: "service")
        try database.write([.init(key: [1], content: nil)], in: "service")
        #expect(try database.records(in: "service").map(\.key) == [[2]])
        try database.setCursor("bridge", to: 12)
        #expect(try database.cursor("bridge") == 12)
        for height in UInt64(1)...4 {
            try database.beginSnapshot(height: height, root: [UInt8(height)])
            try database.addChunk(height: height, position: 0, digest: [0], content: height == 1 ? [5, 5] : nil)
            try database.addChunk(height: height, position: 1, digest: [UInt8(height)], content: [UInt8(height)])
            #expect(try database.snapshot(height: height) == nil)
            try database.finishSnapshot(height: height)
        }
        #expect(try database.snapshotHeights() == [4, 3])
        #expect(try database.chunk([0]) == [5, 5])
        #expect(try database.hasChunk([2]) == false)
    }

    @Test func aKilledWriterLeavesEveryAcknowledgedBlock() async throws {
        let scratch = try ScratchDatabase()
        for instant in 0..<8 {
            let path = scratch.path
            let delay = UInt32(2_000 + instant * 9_000)
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, delay = delay as UInt32] in
                var killer = pthread_t()
                let microseconds = UnsafeMutableRawPointer(bitPattern: UInt(delay))
                pthread_create(
                    &killer, nil,
                    { argument in
                        usleep(UInt32(UInt(bitPattern: argument)))
                        kill(getpid(), SIGKILL)
                        return nil
                    }, microseconds)
                let database = try LedgerDatabase.open(path: path, chain: [1, 2, 3])
                let file = Glibc.open(path + ".acknowledged", O_WRONLY | O_CREAT, 0o600)
                var height = try database.lastHeight() ?? 0
                // An earlier life may have died between a block and its acknowledgement.
                pwrite(file, &height, 8, 0)
                while true {
                    height += 1
                    let (record, indexes) = block(height, transactions: 20)
                    try database.append(record, indexes: indexes)
                    pwrite(file, &height, 8, 0)
                }
            }
            var acknowledged: UInt64 = 0
            let file = Glibc.open(path + ".acknowledged", O_RDONLY)
            if file >= 0 {
                pread(file, &acknowledged, 8, 0)
                close(file)
            }
            let database = try scratch.open()
            let last = try database.lastHeight() ?? 0
            #expect(last == acknowledged || last == acknowledged + 1)
            try database.checkIntegrity()
        }
    }
}
