import Glibc
import TestSupport
import Testing

@testable import Storage

/// A disk that fills up at every place of a commit, of a checkpoint and of a snapshot.
@Suite(.enabled(if: SmallDisk.isPossible, "only root can mount a small disk"), .serialized)
struct FullDiskTests {
    /// Small checkpoints, so that some commits have to copy the log into the file.
    private func open(_ disk: SmallDisk) throws -> LedgerDatabase {
        try LedgerDatabase.open(
            path: disk.path("ledger.db"), chain: [1], settings: StorageSettings(checkpointPages: 150),
            schema: .current)
    }

    private func expectFull(_ error: StorageError?, _ place: String) {
        guard case .diskFull = error else {
            Issue.record("\(place): not a full disk: \(String(describing: error))")
            return
        }
    }

    @Test func aBlockIsWholeOrRefusedAtEveryWriteAndTheLedgerGoesOn() throws {
        let disk = try SmallDisk(bytes: 24 << 20)
        var database: LedgerDatabase? = try open(disk)
        var height: UInt64 = 0
        var refusals = 0
        for left in stride(from: 0, through: 160 << 10, by: 4 << 10) {
            try disk.fill(leaving: left)
            var refusal: StorageError?
            // Several blocks may fit; each is there as a whole, and the one that does not fit leaves nothing.
            for _ in 0..<12 where refusal == nil {
                let (record, indexes) = block(height + 1, transactions: 30)
                do throws(StorageError) {
                    try database?.append(record, indexes: indexes)
                    height += 1
                } catch {
                    refusal = error
                }
            }
            if refusal != nil {
                refusals += 1
                expectFull(refusal, "\(left) bytes left")
                #expect(try database?.lastHeight() ?? 0 == height)
                #expect(throws: StorageError.self) {
                    try database?.write([.init(key: [1], content: bytes(1 << 20, 1))], in: "x")
                }
            }
            if left % (20 << 10) == 0 {
                // As after a crash with the disk still full: nothing but the acknowledged blocks is there.
                disk.free()
                database = nil
                database = try open(disk)
                try disk.fill(leaving: left)
            }
            disk.free()
            let (record, indexes) = block(height + 1, transactions: 30)
            try database?.append(record, indexes: indexes)
            height += 1
            #expect(try database?.lastHeight() == height)
        }
        #expect(refusals > 20)
        try database?.checkIntegrity()
        for height in UInt64(1)...height {
            #expect(try database?.body(height: height)?.changes == block(height, transactions: 30).0.changes)
        }
    }

    @Test func aSnapshotOnAFullDiskCountsForNothing() throws {
        let disk = try SmallDisk(bytes: 8 << 20)
        let database = try open(disk)
        try database.append(block(1).0)
        try database.beginSnapshot(height: 1, root: [1])
        try database.addChunk(height: 1, position: 0, digest: [1], content: bytes(1 << 20, 1))
        try database.finishSnapshot(height: 1)
        try database.append(block(2).0)
        try disk.fill(leaving: 64 << 10)
        let refusal = #expect(throws: StorageError.self) {
            try database.beginSnapshot(height: 2, root: [2])
            for position in UInt64(0)..<4 {
                try database.addChunk(
                    height: 2, position: position, digest: [2, UInt8(position)], content: bytes(1 << 20, position))
            }
        }
        expectFull(refusal, "snapshot")
        #expect(try database.snapshotHeights() == [1])
        #expect(try database.chunk([1]) == bytes(1 << 20, 1))
        disk.free()
        try database.beginSnapshot(height: 2, root: [2])
        try database.addChunk(height: 2, position: 0, digest: [1], content: nil)
        try database.finishSnapshot(height: 2)
        #expect(try database.snapshotHeights() == [2, 1])
        try database.checkIntegrity()
    }

    @Test func aVoteThatCannotBeRecordedIsNotGranted() throws {
        let disk = try SmallDisk(bytes: 8 << 20)
        let database = try open(disk)
        try database.append(block(1).0)
        try database.checkpoint()
        try disk.fill(leaving: 0)
        let vote = SignedVote(height: 2, round: 0, step: 1, digest: [1])
        let refusal = #expect(throws: StorageError.self) { try database.grantVote(vote, signer: [7]) }
        expectFull(refusal, "vote")
        #expect(try database.lastVote(signer: [7]) == nil)
        disk.free()
        try database.grantVote(vote, signer: [7])
        #expect(try database.lastVote(signer: [7]) == vote)
    }
}
