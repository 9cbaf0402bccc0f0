import Glibc
import Primitives
import TestSupport
import Testing

@testable import Node

@Suite("Objects pass through a node in pieces")
struct NodeObjectsTests {
    /// A source that fails after some pieces.
    private struct Broken: ObjectSource {
        let inner: BytesSource
        var byteCount: UInt64? { nil }
        func next() async throws(ServiceError) -> [UInt8]? {
            guard let piece = try await inner.next() else { throw ServiceError(.malformed, "the body ended early") }
            return piece
        }
    }

    private func files(_ node: TestNode) -> [String] {
        let root = node.runtime.objects.folder
        return DurableFile.names(in: root).flatMap { part in
            DurableFile.names(in: "\(root)/\(part)").map { "\(root)/\(part)/\($0)" }
        }
    }

    @Test("of any size, whole; what breaks off or is something else leaves nothing")
    func roundTrip() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        for count in [0, 1, 65_535, 65_536, 65_537, 300_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let id = CID.of(raw: bytes)
            #expect(try await node.runtime.putObject(id, from: BytesSource(bytes)).created)
            #expect(try await !node.runtime.putObject(id, from: BytesSource(bytes)).created)
            #expect(try await node.runtime.objectSize(id) == UInt64(count))
            #expect(try await node.runtime.object(id) == bytes)
            await #expect(throws: ServiceError(.digestMismatch, "")) {
                try await node.runtime.putObject(id, from: BytesSource(bytes + [1]))
            }
        }
        let before = files(node)
        let bytes = [UInt8](repeating: 9, count: 200_000)
        await #expect(throws: ServiceError(.malformed, "")) {
            try await node.runtime.putObject(.of(raw: bytes), from: Broken(inner: BytesSource(bytes)))
        }
        await #expect(throws: ServiceError(.digestMismatch, "")) {
            try await node.runtime.putObject(.of(raw: [1, 2]), from: BytesSource(bytes))
        }
        #expect(Set(files(node)) == Set(before))
        #expect(try await node.runtime.objectSize(.of(raw: bytes)) == nil)
    }

    @Test("a damaged copy ends early, and is written again when somebody brings the object")
    func damaged() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        for count in [100, 200_000] {
            var bytes = [UInt8](repeating: 5, count: count)
            let id = CID.of(raw: bytes)
            _ = try await node.runtime.putObject(id, from: BytesSource(bytes))
            bytes[0] = 6
            let place = try #require(files(node).first { $0.hasSuffix(id.text) })
            unlink(place)
            try DurableFile.writeFresh(bytes, to: place)
            let sink = BytesSink()
            await #expect(throws: ServiceError(.digestMismatch, "")) {
                try await node.runtime.getObject(id, into: sink)
            }
            #expect(sink.bytes.count < count)
            bytes[0] = 5
            #expect(try await node.runtime.putObject(id, from: BytesSource(bytes)).created)
            #expect(try await node.runtime.object(id) == bytes)
        }
    }

    @Test("damage after an object was handed out undamaged is seen all the same, by other bytes or by another file")
    func damagedLater() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        let bytes = [UInt8](repeating: 5, count: 3_000)
        let id = CID.of(raw: bytes)
        for damage in ["in its place", "by another file"] {
            _ = try await node.runtime.putObject(id, from: BytesSource(bytes))
            for _ in 0..<2 { #expect(try await node.runtime.object(id) == bytes) }
            let place = try #require(files(node).first { $0.hasSuffix(id.text) })
            // Later than the clock's grain.
            try await Task.sleep(for: .milliseconds(20))
            if damage == "by another file" {
                unlink(place)
                try DurableFile.writeFresh([UInt8](repeating: 6, count: bytes.count), to: place)
            } else {
                let descriptor = open(place, O_WRONLY)
                #expect(pwrite(descriptor, [6] as [UInt8], 1, 700) == 1)
                close(descriptor)
            }
            await #expect(throws: ServiceError(.digestMismatch, "")) {
                try await node.runtime.getObject(id, into: BytesSink())
            }
        }
    }

    @Test("space is taken as bytes come, given back with what fails, and counted once an object")
    func space() throws {
        let folder = try TemporaryFolder()
        let store = try ObjectStore(folder: folder.path("objects"), storeLimitBytes: 1_000)
        let bytes = [UInt8](repeating: 1, count: 600)
        let id = CID.of(raw: bytes)
        do {
            let (first, second) = (try store.writer(id), try store.writer(id))
            try first.write(Array(bytes.prefix(400)))
            try second.write(Array(bytes.prefix(400)))
            #expect(store.space?.usedBytes == 800)
            #expect(throws: ObjectStoreError.full(limitBytes: 1_000)) {
                try second.write([UInt8](repeating: 1, count: 201))
            }
            try first.write(Array(bytes.dropFirst(400)))
            #expect(try first.finish() == 600)
        }
        #expect(store.space?.usedBytes == 600)
        // Damaged, and written again.
        let place = store.path(of: id)
        unlink(place)
        try DurableFile.writeFresh([UInt8](repeating: 2, count: 600), to: place)
        #expect(throws: ObjectStoreError.full(limitBytes: 1_000)) { try store.put(bytes) }
        store.remove(id)
        #expect(store.space?.usedBytes == 0)
        try store.put(bytes)
        #expect(store.space?.usedBytes == 600)
        #expect(try ObjectStore(folder: store.folder, storeLimitBytes: 1_000).space?.usedBytes == 600)
    }
}
