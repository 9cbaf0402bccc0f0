import Ledger
import Primitives
import Storage

/// The chain as the network needs it: short questions on the kernel's thread.
struct ChainAccess: Sendable {
    let kernel: SerialThread<KernelHost>
    let signal: CommitSignal
    let genesis: Genesis
    /// Blocks that this node's key proposes are told to others.
    let ownKey: PublicKey

    func status() async throws -> ChainStatus {
        try await kernel.perform { host in
            ChainStatus(
                height: host.kernel.head.height, headerID: host.kernel.head.headerID,
                firstKeptHeight: try host.archive.database.firstKeptHeight())
        }
    }

    /// Blocks from a height on, encoded: as many as there are, up to a number and about so many bytes.
    func blocks(from first: UInt64, count: UInt64, byteLimit: Int) async throws -> [[UInt8]] {
        try await kernel.perform { host in
            try host.checkDurable()
            var blocks: [[UInt8]] = []
            var byteCount = 0
            var height = first
            while height <= host.kernel.head.height, UInt64(blocks.count) < count, byteCount < byteLimit {
                let block = try host.archive.exportedBlock(height: height).encoded()
                byteCount += block.count
                blocks.append(block)
                height += 1
            }
            return blocks
        }
    }

    /// Takes a block of another node; answers the height of the chain afterwards.
    func follow(_ block: ExportedBlock) async throws -> UInt64 {
        try await kernel.perform { host in
            try host.follow(block)
            return host.kernel.head.height
        }
    }

    /// Admits transactions of other nodes; answers how many are new and good.
    func admit(_ transactions: [VerifiedTransaction]) async throws -> Int {
        try await kernel.perform { host in
            var taken = 0
            for transaction in transactions where !host.kernel.mempool.contains(transaction.id) {
                try host.admit([transaction])
                if host.refusal(of: transaction.id) == nil { taken += 1 }
            }
            return taken
        }
    }

    /// Transactions that wait for a block, encoded.
    func waiting(atMost count: Int) async throws -> [[UInt8]] {
        try await kernel.perform { host in host.kernel.mempool.waiting(atMost: count).map(\.transaction.encoded) }
    }
}
