import Ledger
import Logging
import PeerNetwork
import Primitives

/// Brings this node's chain to where its peers' chains are: asks for ranges of blocks, one range ahead of the one that
/// is being executed, and takes each block only as the kernel does, certificate and execution checked.
///
/// A peer that gives what does not hold is reported and not asked again; a peer that is slow loses its turn.
actor BlockSync {
    private let chain: ChainAccess
    private let service: PeerService
    private let names: ChainProtocol
    private let logger: Logger
    /// Where peers say they stand.
    private var heads: [PeerID: ChainStatus] = [:]
    /// Peers whose block executed here to something else, by height.
    private var divergent: [UInt64: Set<PeerID>] = [:]
    /// What the operator should know; nil when all is well.
    var trouble: String? { disagreement ?? unreachable }
    /// Peers agree on what this program refuses.
    private var disagreement: String?
    /// No peer has the next block any more.
    private var unreachable: String?
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// One peer may be wrong or lie; so many that say the same mean that this program is the odd one.
    private static let divergentPeers = 3
    private static let headLimit = 1_024

    init(chain: ChainAccess, service: PeerService, names: ChainProtocol, logger: Logger) {
        self.chain = chain
        self.service = service
        self.names = names
        self.logger = logger
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The highest chain that a peer speaks of.
    var bestHeight: UInt64 { heads.values.map(\.height).max() ?? 0 }

    func heard(_ status: ChainStatus, from peer: PeerID) {
        guard heads[peer] != nil || heads.count < Self.headLimit else { return }
        heads[peer] = status
        wake.yield()
    }

    /// A peer has shown a block: its chain is at least so long. What it keeps, it has said or not.
    func heard(of header: Header, from peer: PeerID) {
        let kept = heads[peer]?.firstKeptHeight ?? 0
        heard(ChainStatus(height: header.height, headerID: header.id, firstKeptHeight: kept), from: peer)
    }

    func left(_ peer: PeerID) { heads[peer] = nil }

    // MARK: Catching up

    /// Runs until its task is cancelled.
    func run() async {
        for await _ in wakes {
            while !Task.isCancelled, await catchUp() {}
        }
    }

    /// One range from one peer; false when there is nothing to do, or nobody to do it with.
    private func catchUp() async -> Bool {
        guard var own = try? await chain.status().height, let peer = source(above: own) else { return false }
        logger.info("behind: height \(own), \(bestHeight) elsewhere; asking \(peer.short)")
        var next: Task<[ExportedBlock], any Error>? = fetch(from: peer, first: own + 1)
        while let current = next, let target = heads[peer]?.height {
            let blocks: [ExportedBlock]
            do { blocks = try await current.value } catch {
                await giveUp(on: peer, error)
                return true
            }
            guard let last = blocks.last?.certified.header.height else {
                // It promised more than it has: what it says is forgotten until it says it again.
                heads[peer] = nil
                return true
            }
            next = last < target ? fetch(from: peer, first: last + 1) : nil
            for block in blocks {
                guard let height = await take(block, from: peer) else {
                    next?.cancel()
                    return true
                }
                own = height
            }
            await service.wasUseful(peer)
        }
        return source(above: own) != nil
    }

    private func source(above height: UInt64) -> PeerID? {
        let ahead = heads.filter { $0.value.height > height }
        let able = ahead.filter { $0.value.firstKeptHeight <= height + 1 }
        sayUnreachable(ahead.isEmpty || !able.isEmpty ? nil : ahead.values.map(\.firstKeptHeight).min(), height)
        let best = able.values.map(\.height).max()
        return able.filter { $0.value.height == best }.keys.randomElement()
    }

    /// Every peer that is ahead has pruned what is next here: blocks alone do not lead to the chain.
    private func sayUnreachable(_ firstKept: UInt64?, _ height: UInt64) {
        guard let firstKept else { return unreachable = nil }
        let word =
            "no peer has block \(height + 1): theirs begin at \(firstKept) or later; join with "
            + "network.checkpoint, or add "
            + "a peer that keeps all blocks"
        if unreachable == nil { logger.warning("\(word)") }
        unreachable = word
    }

    /// Takes one block; nil if it does not hold, or cannot be stored now.
    private func take(_ block: ExportedBlock, from peer: PeerID) async -> UInt64? {
        do {
            let height = try await chain.follow(block)
            divergent[height] = nil
            return height
        } catch let error as TrustError {
            await refused(block, error, from: peer)
            return nil
        } catch {
            logger.warning("block \(block.certified.header.height) waits: \(error)")
            try? await Task.sleep(for: .seconds(1))
            return nil
        }
    }

    /// Reports whoever sent a block that does not hold.
    func refused(_ block: ExportedBlock, _ error: TrustError, from peer: PeerID) async {
        let height = block.certified.header.height
        heads[peer] = nil
        if error.code == .divergent {
            if divergent.count > 16 { divergent = [:] }
            divergent[height, default: []].insert(peer)
            if divergent[height, default: []].count >= Self.divergentPeers, disagreement == nil {
                let word = "\(Self.divergentPeers) peers agree on a block \(height) that this program finds invalid"
                disagreement = word
                logger.critical("\(word): \(error)")
            }
        }
        // Out of order is a race, not a lie.
        if error.code != .notInOrder { await service.report(.invalidBlock, by: peer, "\(error)") }
    }

    private func giveUp(on peer: PeerID, _ error: any Error) async {
        heads[peer] = nil
        let offence: Misconduct =
            switch error {
            case is CBORError: .protocolViolation
            case is TrustError: .wrongAnswer
            default: .timeout
            }
        await service.report(offence, by: peer, "blocks: \(error)")
    }

    // MARK: Asking

    private nonisolated func fetch(from peer: PeerID, first: UInt64) -> Task<[ExportedBlock], any Error> {
        Task { [service, names] in
            let request = RangeRequest(first: first, count: ChainProtocol.blocksPerRequest).encoded()
            let stream = try await service.host.openStream(to: peer, protocols: [names.blocks])
            let deadline = stream.reset(after: ChainProtocol.timeout)
            defer {
                deadline.cancel()
                stream.close()
            }
            try await stream.writeMessage(request)
            stream.closeWrite()
            var blocks: [ExportedBlock] = []
            while UInt64(blocks.count) < ChainProtocol.blocksPerRequest,
                let bytes = try await stream.readMessage(limit: ChainProtocol.blockByteLimit)
            {
                let block = try ExportedBlock.decode(bytes)
                guard block.certified.header.height == first + UInt64(blocks.count) else {
                    throw TrustError(.notInOrder, "block \(block.certified.header.height) was not asked for")
                }
                blocks.append(block)
            }
            return blocks
        }
    }
}
