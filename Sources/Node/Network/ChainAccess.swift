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
    /// The ledger's file, for answers that are read beside the kernel; nil where nothing of it is given away.
    var databasePath: String?

    func status() async throws -> ChainStatus {
        try await kernel.perform { host in
            ChainStatus(
                height: host.kernel.head.height, headerID: host.kernel.head.headerID,
                firstKeptHeight: try host.archive.database.firstKeptHeight())
        }
    }

    /// This node's height, and the validators that a header names; nil for a set that no block here has named, of a
    /// header above the next. The next block's are known, whatever it names.
    func validators(of header: Header) async throws -> (height: UInt64, validators: ValidatorSet?) {
        try await kernel.perform { [genesis] host in
            let head = host.kernel.head
            if header.height == head.height + 1 { return (head.height, head.validators) }
            return (head.height, try host.archive.validators(header.validatorSetDigest, genesis: genesis))
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

    /// Admits transactions of other nodes; answers which are new and good.
    func admit(_ transactions: [VerifiedTransaction]) async throws -> [VerifiedTransaction] {
        try await kernel.perform { host in
            let new = transactions.filter { !host.kernel.mempool.contains($0.id) }
            // All at once: the engine is told of them once.
            if !new.isEmpty { try host.admit(new) }
            return new.filter { host.refusal(of: $0.id) == nil }
        }
    }

    /// The transaction that has waited for a block longest.
    func oldestWaiting() async throws -> Digest? {
        try await kernel.perform { host in host.kernel.mempool.oldest?.id }
    }

    /// Transactions that wait for a block, encoded.
    func waiting(atMost count: Int) async throws -> [[UInt8]] {
        try await kernel.perform { host in host.kernel.mempool.waiting(atMost: count).map(\.transaction.encoded) }
    }
}
