import Glibc
import TestSupport
import Testing

@testable import Node

/// The records of a journal, or why it does not open.
private func records(_ path: String) throws(FileError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    _ = try Journal(path) { (record) throws(FileError) in found.append(record) }
    return found
}

private func append(_ path: String, _ records: [[UInt8]]) throws {
    var journal = try Journal(path) { (_) throws(FileError) in }
    for record in records { try journal.append(record) }
}

@Suite("A journal keeps what it acknowledged")
struct JournalTests {
    private let folder: TemporaryFolder
    private let path: String
    private let written: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 40), [9]]

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("journal")
    }

    /// Bytes in the file after each record, from none on.
    private var ends: [Int] { written.reduce(into: [0]) { $0.append(($0.last ?? 0) + 12 + $1.count) } }

    @Test("records come back in order, and an empty one too")
    func roundTrip() throws {
        try append(path, written)
        #expect(try records(path) == written)
        try append(path, [[5]])
        #expect(try records(path) == written + [[5]])
    }

    @Test("cut at any byte, the whole records before the cut are there, and the next append follows them")
    func truncatedAtEveryLength() throws {
        try append(path, written)
        let whole = try DurableFile.read(path)
        #expect(whole.count == ends.last)
        for length in 0...whole.count {
            try overwrite(path, Array(whole[..<length]))
            let kept = ends.lastIndex { $0 <= length } ?? 0
            #expect(try records(path) == Array(written[..<kept]), "cut at \(length)")
            #expect(try DurableFile.read(path).count == ends[kept], "cut at \(length)")
            try append(path, [[4, 4]])
            #expect(try records(path) == written[..<kept] + [[4, 4]], "cut at \(length)")
        }
    }

    @Test("garbage behind the last record is cut off, whatever its length", arguments: 0..<20 as Range<UInt64>)
    func garbageTail(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        try append(path, written)
        let garbage = random.bytes(Int.random(in: 1...3_000, using: &random))
        try overwrite(path, try DurableFile.read(path) + garbage)
        #expect(try records(path) == written, "seed \(seed)")
        #expect(try DurableFile.read(path).count == ends.last)
        // Zeroes, as a file system leaves them that made room and did not write.
        try overwrite(path, try DurableFile.read(path) + [UInt8](repeating: 0, count: 4_096))
        #expect(try records(path) == written)
    }

    @Test("a torn last record with the right length is cut off")
    func tornWrite() throws {
        try append(path, written + [[1, 1, 1, 1, 1, 1, 1, 1]])
        var bytes = try DurableFile.read(path)
        for place in bytes.count - 4..<bytes.count { bytes[place] = 0 }
        try overwrite(path, bytes)
        #expect(try records(path) == written)
    }

    @Test("a damaged byte before the last record is reported, never taken for a torn tail")
    func damageInTheMiddle() throws {
        try append(path, written)
        let whole = try DurableFile.read(path)
        let last = ends[written.count - 1]
        for place in 0..<last {
            var bytes = whole
            bytes[place] ^= 0x10
            try overwrite(path, bytes)
            let error = #expect(throws: FileError.self, "byte \(place)") { try records(path) }
            #expect(error?.reason.contains("damaged") == true, "byte \(place)")
            // And nothing of it was cut off.
            #expect(try DurableFile.read(path) == bytes)
        }
    }

    @Test("a tail that is longer than any record is reported")
    func longTail() throws {
        try append(path, written)
        try overwrite(path, try DurableFile.read(path) + [UInt8](repeating: 0xff, count: (1 << 20) + 13))
        #expect(throws: FileError.self) { try records(path) }
    }

    @Test("a second owner is refused until the first has let go")
    func locked() throws {
        do {
            var journal = try Journal(path) { (_) throws(FileError) in }
            let error = #expect(throws: FileError.self) { try records(path) }
            #expect(error?.operation == "lock")
            try journal.append([1])
        }
        #expect(try records(path) == [[1]])
    }

    @Test("another process is refused too")
    func lockedAcrossProcesses() throws {
        let journal = try Journal(path) { (_) throws(FileError) in }
        let other = try Command("flock", ["--nonblock", path, "true"]).run()
        #expect(other.status == 1, "\(other)")
        _ = consume journal
        #expect(try Command("flock", ["--nonblock", path, "true"]).run().status == 0)
    }

    @Test("a record above the limit is refused and leaves nothing")
    func tooLarge() throws {
        var journal = try Journal(path) { (_) throws(FileError) in }
        try journal.append([UInt8](repeating: 1, count: Journal.payloadLimitBytes))
        #expect(throws: FileError.self) { try journal.append([UInt8](repeating: 1, count: 1 + (1 << 20))) }
        try journal.append([2])
        _ = consume journal
        #expect(try records(path).map(\.count) == [1 << 20, 1])
    }

    @Test("the file is for its owner's eyes")
    func mode() throws {
        try append(path, [])
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test(
        "on a full disk an append is refused and the records before it stay; with space it goes on",
        .enabled(if: SmallDisk.isPossible, "only root can mount a small disk"))
    func fullDisk() throws {
        let disk = try SmallDisk(bytes: 64 << 10)
        let path = "\(disk.path)/journal"
        var journal = try Journal(path) { (_) throws(FileError) in }
        let record = [UInt8](repeating: 5, count: 1_000)
        for _ in 0..<3 { try journal.append(record) }
        try disk.fill()
        var more = 0
        let error = #expect(throws: FileError.self) {
            while true {
                try journal.append(record)
                more += 1
            }
        }
        #expect(error?.code == ENOSPC)
        #expect(throws: FileError.self) { try journal.append(record) }
        disk.free()
        try journal.append([6])
        _ = consume journal
        #expect(try records(path).count == 3 + more + 1)
        #expect(try records(path).last == [6])
    }
}
