import Glibc
import Primitives
import TestSupport
import Testing

@testable import Node

@Suite("Objects are what their ids say, or are not there")
struct ObjectStoreTests {
    private let folder: TemporaryFolder
    private let store: ObjectStore

    init() throws {
        folder = try TemporaryFolder()
        store = try ObjectStore(folder: folder.path("objects"), limitBytes: 1_000)
    }

    /// All files of the store.
    private func files(_ root: String? = nil) -> [String] {
        let root = root ?? store.folder
        return DurableFile.names(in: root).flatMap { part in
            DurableFile.names(in: "\(root)/\(part)").map { "\(root)/\(part)/\($0)" }
        }
    }

    @Test("what is stored comes back, also after a restart, and an empty object too")
    func roundTrip() throws {
        for bytes in [[], [1], [UInt8](repeating: 7, count: 1_000)] {
            let id = try store.put(bytes)
            #expect(try store.get(id) == bytes)
            #expect(try ObjectStore(folder: store.folder).get(id) == bytes)
            #expect(store.contains(id))
        }
        let absent = CID.of(raw: [9])
        #expect(throws: ObjectStoreError.unknown(absent)) { try store.get(absent) }
        #expect(!store.contains(absent))
    }

    @Test("an object above the limit, or under the id of others, leaves nothing")
    func refused() throws {
        #expect(throws: ObjectStoreError.tooLarge(bytes: 1_001, limitBytes: 1_000)) {
            try store.put([UInt8](repeating: 1, count: 1_001))
        }
        let expected = CID.of(raw: [1])
        #expect(throws: ObjectStoreError.digestMismatch(expected: expected, found: .of(raw: [2]))) {
            try store.put([2], expected: expected)
        }
        #expect(files().isEmpty)
    }

    @Test("a damaged, shortened, emptied or grown file is never handed out, and is written again")
    func damaged() throws {
        let bytes = (0..<100).map { UInt8($0) }
        let id = try store.put(bytes)
        let place = try #require(files().first)
        for damage in [Array(bytes.dropLast()), [], bytes + [0], [9] + bytes.dropFirst()] {
            try overwrite(place, damage)
            #expect(throws: ObjectStoreError.digestMismatch(expected: id, found: .of(raw: damage))) {
                try store.get(id)
            }
            try store.put(bytes)
            #expect(try store.get(id) == bytes)
        }
        try overwrite(place, [UInt8](repeating: 0, count: 1_001))
        #expect(throws: ObjectStoreError.self) { try store.get(id) }
    }

    @Test("a full store refuses by name, counts what it finds at its start, and takes what is there already")
    func full() throws {
        func open(_ limit: Int) throws -> ObjectStore {
            try ObjectStore(folder: folder.path("full"), storeLimitBytes: limit)
        }
        let store = try open(100)
        let first = try store.put([UInt8](repeating: 1, count: 60))
        #expect(throws: ObjectStoreError.full(limitBytes: 100)) { try store.put([UInt8](repeating: 2, count: 41)) }
        try store.put([UInt8](repeating: 1, count: 60))
        try store.put([UInt8](repeating: 3, count: 40))
        #expect(throws: ObjectStoreError.full(limitBytes: 100)) { try store.put([4]) }
        #expect(try store.get(first).count == 60)
        let again = try open(101)
        try again.put([5])
        #expect(throws: ObjectStoreError.full(limitBytes: 101)) { try again.put([6]) }
    }

    @Test("what a killed writer left is removed after an hour, and never handed out")
    func partialWrites() throws {
        let id = CID.of(raw: [1, 2, 3])
        let part = "\(store.folder)/\(id.text.suffix(2))"
        try DurableFile.makeFolder(part)
        let old = "\(part)/\(id.text).1-1.partial"
        let young = "\(part)/\(id.text).1-2.partial"
        for path in [old, young] { try overwrite(path, [1, 2]) }
        let past = timespec(tv_sec: time(nil) - 4_000, tv_nsec: 0)
        utimensat(AT_FDCWD, old, [past, past], 0)
        #expect(!store.contains(id))
        let again = try ObjectStore(folder: store.folder)
        #expect(!DurableFile.exists(old))
        #expect(DurableFile.exists(young))
        #expect(throws: ObjectStoreError.unknown(id)) { try again.get(id) }
    }

    @Test("many writers of the same and of different objects at once leave whole objects and nothing else")
    func concurrentWriters() async throws {
        let store = store
        let objects = (0..<8).map { number in (0..<900).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for round in 0..<48 {
                group.addTask {
                    let bytes = objects[round % 8]
                    let id = try store.put(bytes)
                    guard try store.get(id) == bytes else { throw ObjectStoreError.unknown(id) }
                }
            }
            try await group.waitForAll()
        }
        #expect(files().count == 8)
    }

    @Test(
        "on a full disk nothing half-written stays, and with space it goes on",
        .enabled(if: SmallDisk.isPossible, "only root can mount a small disk"))
    func fullDisk() throws {
        let disk = try SmallDisk(bytes: 128 << 10)
        let store = try ObjectStore(folder: "\(disk.path)/objects", storeLimitBytes: 1 << 20)
        let kept = try store.put([UInt8](repeating: 1, count: 10_000))
        try disk.fill()
        let large = [UInt8](repeating: 2, count: 50_000)
        let error = #expect(throws: ObjectStoreError.self) { try store.put(large) }
        guard case .file(let file)? = error else {
            Issue.record("\(error.map { "\($0)" } ?? "no error")")
            return
        }
        #expect(file.code == ENOSPC)
        #expect(!store.contains(.of(raw: large)))
        #expect(files(store.folder).count == 1)
        #expect(try store.get(kept).count == 10_000)
        disk.free()
        #expect(try store.get(store.put(large)) == large)
    }
}
