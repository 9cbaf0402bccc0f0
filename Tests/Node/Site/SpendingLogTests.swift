import Glibc
import Primitives
import Privacy
import TestSupport
import Testing

@testable import Node

extension SpendingEntry {
    static func sample(job: UInt8 = 1, round: UInt32, cost: UInt64 = 10, update: UInt8? = nil, dataset: UInt8 = 7)
        -> SpendingEntry
    {
        SpendingEntry(
            job: .blake2b256([job]), round: round, dataset: .blake2b256([dataset]),
            cost: CostVector([UInt64](repeating: cost, count: 32)) ?? .zero,
            update: .of(raw: [job, update ?? UInt8(round)]), salt: .blake2b256([9, job, UInt8(round)]), size: 2)
    }
}

@Suite("A spending log never forgets and never spends twice")
struct SpendingLogTests {
    private let folder: TemporaryFolder
    private let path: String
    private let dataset = Digest.blake2b256([7])

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("spending.journal")
    }

    private func write(_ entries: [SpendingEntry]) throws {
        var log = try SpendingLog(path: path)
        for entry in entries { try log.record(entry) }
    }

    private func spent() throws -> UInt64 { try SpendingLog(path: path).spent(dataset: dataset).values[0] }

    @Test("what was recorded is there after a restart, each dataset by itself")
    func restart() throws {
        let entries = [
            SpendingEntry.sample(round: 1), .sample(round: 2), .sample(job: 2, round: 1, cost: 5),
            .sample(job: 3, round: 1, cost: 100, dataset: 8),
        ]
        try write(entries)
        let log = try SpendingLog(path: path)
        for entry in entries { #expect(log.entry(job: entry.job, round: entry.round) == entry) }
        #expect(log.entry(job: .blake2b256([1]), round: 3) == nil)
        #expect(try log.spent(dataset: dataset).values == [UInt64](repeating: 25, count: 32))
        #expect(try log.spent(dataset: .blake2b256([8])).values[31] == 100)
        #expect(try log.spent(dataset: .zero).isZero)
    }

    @Test("cut at every byte, each acknowledged entry before the cut counts, and none behind it")
    func truncatedAtEveryLength() throws {
        let entries = (1...3).map { SpendingEntry.sample(round: $0) }
        try write(entries)
        let whole = try DurableFile.read(path)
        let each = whole.count / 3
        for length in 0...whole.count {
            try overwrite(path, Array(whole[..<length]))
            #expect(try spent() == UInt64(length / each) * 10, "cut at \(length)")
        }
    }

    @Test("an entry that appears twice counts once")
    func duplicates() throws {
        try write([.sample(round: 1), .sample(round: 2)])
        let whole = try DurableFile.read(path)
        try overwrite(path, whole + whole)
        #expect(try spent() == 20)
        var log = try SpendingLog(path: path)
        try log.record(.sample(round: 1))
        #expect(try log.spent(dataset: dataset).values[0] == 20)
    }

    @Test("a round has one update: another is refused, and the first is sent again")
    func oneUpdateARound() throws {
        var log = try SpendingLog(path: path)
        try log.record(.sample(round: 1))
        let other = SpendingEntry.sample(round: 1, update: 99)
        #expect(throws: SpendingLogError.alreadyPrepared(job: other.job, round: 1)) { try log.record(other) }
        #expect(log.entry(job: other.job, round: 1) == .sample(round: 1))
        _ = consume log
        #expect(try spent() == 10)
    }

    @Test("two different updates of one round, however they got there, both count, and the first one is sent")
    func contradictoryHistory() throws {
        try write([.sample(round: 1, cost: 10)])
        let first = try DurableFile.read(path)
        try overwrite(path, [])
        try write([.sample(round: 1, cost: 30, update: 99)])
        try overwrite(path, first + (try DurableFile.read(path)))
        #expect(try spent() == 40)
        #expect(try SpendingLog(path: path).entry(job: .blake2b256([1]), round: 1)?.cost.values[0] == 10)
    }

    @Test("admits up to the limit at one order, and not one unit more")
    func limits() throws {
        var log = try SpendingLog(path: path)
        try log.record(.sample(round: 1))
        let cost = CostVector([UInt64](repeating: 10, count: 32)) ?? .zero
        func limit(_ value: UInt64) -> CostVector {
            CostVector([value] + [UInt64](repeating: 0, count: 31)) ?? .zero
        }
        #expect(try log.admits(cost, dataset: dataset, limits: limit(20)))
        #expect(try !log.admits(cost, dataset: dataset, limits: limit(19)))
    }

    @Test("sums that overflow close the dataset, they do not wrap")
    func overflow() throws {
        var log = try SpendingLog(path: path)
        try log.record(.sample(round: 1, cost: .max - 5))
        let cost = CostVector([UInt64](repeating: 10, count: 32)) ?? .zero
        #expect(throws: SpendingLogError.overflow) {
            try log.admits(cost, dataset: dataset, limits: CostVector([UInt64](repeating: .max, count: 32)) ?? .zero)
        }
        try log.record(.sample(round: 2))
        #expect(throws: SpendingLogError.overflow) { try log.spent(dataset: dataset) }
    }

    @Test("a second process cannot open it")
    func locked() throws {
        let log = try SpendingLog(path: path)
        let error = #expect(throws: SpendingLogError.self) { _ = try SpendingLog(path: path) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("another process has it open"))
        _ = consume log
    }

    @Test("a whole record that is no entry stops the site")
    func foreignRecord() throws {
        do {
            var journal = try Journal(path) { (_) throws(FileError) in }
            try journal.append([0x80])
        }
        #expect(throws: SpendingLogError.self) { _ = try SpendingLog(path: path) }
    }

    @Test(
        "on a full disk nothing is acknowledged that is not there",
        .enabled(if: SmallDisk.isPossible, "only root can mount a small disk"))
    func fullDisk() throws {
        let disk = try SmallDisk(bytes: 32 << 10)
        let path = "\(disk.path)/spending.journal"
        var log = try SpendingLog(path: path)
        try log.record(.sample(round: 1))
        try disk.fill()
        var acknowledged: UInt64 = 1
        #expect(throws: SpendingLogError.self) {
            for round in 2...1_000 as ClosedRange<UInt32> {
                try log.record(.sample(round: round % 250, update: 1))
                acknowledged += 1
            }
        }
        #expect(try log.spent(dataset: dataset).values[0] == acknowledged * 10)
        disk.free()
        try log.record(.sample(job: 9, round: 1))
        _ = consume log
        #expect(try SpendingLog(path: path).spent(dataset: dataset).values[0] == (acknowledged + 1) * 10)
    }
}
