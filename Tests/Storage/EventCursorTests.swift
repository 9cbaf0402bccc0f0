import Glibc
import Testing

@testable import Storage

/// Cursors come from outside: none of them stops the node, and none of them falls behind without need.
@Suite struct EventCursorTests {
    private func filled(_ scratch: ScratchDatabase, blocks: UInt64 = 50) throws -> LedgerDatabase {
        let database = try scratch.open()
        for height in 1...blocks {
            let (record, indexes) = block(height)
            try database.append(record, indexes: indexes)
        }
        return database
    }

    private static let filters = [
        EventFilter(), EventFilter(module: "tokens"), EventFilter(module: "tokens", kind: "fee"),
        EventFilter(module: "absent"), EventFilter(pathPrefix: [9]), EventFilter(account: bytes(33, 3)),
        EventFilter(account: bytes(33, 99_999)),
    ]

    @Test(arguments: [150, 151, UInt64(Int64.max) - 1, UInt64(Int64.max), UInt64(Int64.max) + 1, .max - 1, .max])
    func aCursorBeyondTheEndGivesAnEmptyPage(cursor: UInt64) throws {
        let database = try filled(ScratchDatabase())
        for filter in Self.filters {
            let page = try database.events(after: cursor, matching: filter)
            #expect(page == EventPage(events: [], next: cursor, isAtEnd: true))
        }
    }

    @Test func aNamedCursorThatTheFileCannotHoldIsRefused() throws {
        let database = try filled(ScratchDatabase(), blocks: 1)
        #expect(throws: StorageError.outOfRange("cursor \(UInt64.max)")) { try database.setCursor("a", to: .max) }
        try database.setCursor("a", to: UInt64(Int64.max))
        #expect(try database.cursor("a") == UInt64(Int64.max))
    }

    @Test func aPageThatEndsWithTheLogIsPastAllThatTheFilterLeftOut() throws {
        let database = try filled(ScratchDatabase())
        for filter in Self.filters {
            for cursor: UInt64 in [0, 77, 149] {
                let page = try database.events(after: cursor, matching: filter)
                #expect(page.isAtEnd && page.next == 150, "\(filter) after \(cursor)")
            }
        }
        // A page that the limit ended is no further than what it holds.
        let page = try database.events(after: 0, matching: EventFilter(module: "tokens", kind: "fee"), limit: 2)
        #expect(!page.isAtEnd && page.next < 10)
    }

    @Test func whoIsToldOfPruningIsToldWhereToGoOn() throws {
        let database = try filled(ScratchDatabase())
        while try !database.prune(below: 30, batch: 7) {}
        #expect(throws: StorageError.pruned(firstKeptHeight: 30, firstKeptSequence: 88)) {
            try database.events(after: 86)
        }
        #expect(try database.events(after: 87).events.first?.sequence == 88)
    }

    @Test func blocksAreReadInBoundsAndNothingIsLeftOut() throws {
        let database = try filled(ScratchDatabase())
        for filter in Self.filters {
            var (found, next, pages) = ([StoredEvent](), UInt64(0), 0)
            while true {
                let page = try database.events(after: next, matching: filter, blockLimit: 3)
                found += page.events
                #expect(page.isAtEnd || page.next > next, "\(filter)")
                next = page.next
                pages += 1
                if page.isAtEnd { break }
            }
            #expect(found == (try database.events(after: 0, matching: filter)).events, "\(filter)")
            if filter == EventFilter(pathPrefix: [9]) { #expect(pages > 10) }
        }
    }

    /// SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC are told as a full disk where the system says ENOSPC; 13 is
    /// SQLITE_FULL, and 3 a write.
    @Test(arguments: [Int32(10 | 4 << 8), Int32(10 | 5 << 8)])
    func aFailedSyncIsOneWhateverTheReason(code: Int32) {
        #expect(Connection.isFailedSync(.sqlite(code: code, text: "", during: "")))
        #expect(Connection.isFailedSync(.diskFull(code: code, text: "", during: "")))
        #expect(!Connection.isFailedSync(.diskFull(code: 13, text: "", during: "")))
        #expect(!Connection.isFailedSync(.diskFull(code: 10 | 3 << 8, text: "", during: "")))
    }
}
