import Glibc
import Ledger
import LedgerSupport
import Primitives
import Testing
import TestSupport

@testable import Node

@Suite("A node acknowledges what is on disk, and nothing else")
struct KernelHostTests {
    @Test("after a restart the chain goes on from the last block")
    func restart() async throws {
        let folder = try TemporaryFolder()
        var node = try await TestNode(in: folder.root)
        for sequence in 0..<3 as Range<UInt64> { try await node.block(sequence: sequence) }
        let before = try await node.runtime.status()
        await node.stop()
        node = try await TestNode(in: folder.root, genesis: node.genesis)
        let after = try await node.runtime.status()
        #expect(after.height == 3)
        #expect(after.head == before.head)
        #expect(after.stateRoot == before.stateRoot)
        let receipt = try await node.block(sequence: 3)
        #expect(receipt?.height == 4)
        #expect(receipt?.succeeded == true)
        await node.stop()
    }

    @Test("a refused transaction is refused with the ledger's code, and told again when its receipt is asked for")
    func refusals() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        let transaction = TestNode.transfer(node.genesis.chain, sequence: 7)
        let error = await #expect(throws: ServiceError.self) { try await node.runtime.submit(transaction.encoded) }
        #expect(error?.code == .refused)
        #expect(error?.resultCode != nil)
        await #expect(throws: ServiceError.self) {
            try await node.runtime.receipt(of: transaction.id, waitingAtMost: .zero)
        }
        var changed = transaction.encoded
        changed[changed.count - 1] ^= 1
        let forged = await #expect(throws: ServiceError.self) { try await node.runtime.submit(changed) }
        #expect(forged?.code == .refused)
        #expect(try await node.runtime.status().height == 0)
        await node.stop()
    }

    @Test("a stopped node says so")
    func stopped() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        await node.stop()
        let error = await #expect(throws: ServiceError.self) { try await node.runtime.status() }
        #expect(error?.code == .unavailable)
    }

    @Test(
        "with so many pages of the disk left: what is acknowledged is there after a crash, and all goes on with space",
        .enabled(if: SmallDisk.isPossible, "only root can mount a small disk"), arguments: [0, 1, 2, 4, 8, 12, 16])
    func fullDisk(pages: Int) async throws {
        let disk = try SmallDisk(bytes: 2 << 20)
        let node = try await TestNode(in: disk.path)
        try await node.block(sequence: 0)
        try disk.fill()
        truncate("\(disk.path)/filler", off_t(max(0, disk.fillerBytes - pages * 4_096)))
        // Blocks until the disk takes no more.
        var acknowledged: [TransactionReceipt] = []
        var pending: [Transaction] = []
        for sequence in 1..<60 as Range<UInt64> {
            let transaction = TestNode.transfer(node.genesis.chain, sequence: sequence)
            do {
                _ = try await node.runtime.submit(transaction.encoded)
            } catch {
                #expect(error.code == .unavailable, "\(error)")
                break
            }
            pending.append(transaction)
            let receipt = try await node.runtime.receipt(of: transaction.id, waitingAtMost: .milliseconds(30))
            guard let receipt else { break }
            acknowledged.append(receipt)
        }
        let unacknowledged = try #require(pending.last)
        try #require(acknowledged.count < pending.count)
        let health = try await node.runtime.health()
        #expect(!health.healthy)
        #expect(health.findings.contains { $0.detail.contains("stored") || $0.detail.contains("vote") })
        // What is not durable is not shown.
        do {
            let view = try await node.runtime.account(LedgerHarness.account(1))
            #expect(view.height == UInt64(acknowledged.count) + 1)
        } catch {
            #expect(error.code == .unavailable)
        }
        disk.free()
        // The waiting block goes to the disk by itself, or with the next transaction.
        let deadline = ContinuousClock.now + .seconds(8)
        var receipt: TransactionReceipt?
        var sequence = UInt64(pending.count) + 1
        while receipt == nil, ContinuousClock.now < deadline {
            receipt = try await node.runtime.receipt(of: unacknowledged.id, waitingAtMost: .milliseconds(1_200))
            if receipt == nil {
                let next = TestNode.transfer(node.genesis.chain, sequence: sequence)
                if (try? await node.runtime.submit(next.encoded)) != nil { sequence += 1 }
            }
        }
        #expect(receipt?.succeeded == true, "\(pages) pages")
        #expect(try await node.runtime.health().healthy)
        await node.stop()
        let again = try await TestNode(in: disk.path, genesis: node.genesis)
        for receipt in acknowledged {
            let found = try await again.runtime.receipt(of: receipt.id, waitingAtMost: .zero)
            #expect(found == receipt)
        }
        await again.stop()
    }
}
