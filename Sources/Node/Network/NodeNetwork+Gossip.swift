import Ledger
import Logging
import PeerNetwork
import Primitives

extension NodeNetwork {
    // MARK: Blocks

    /// Tells the network each block that this node's key has proposed, as soon as it is durable.
    func tellBlocks() async {
        guard var told = try? await chain.status().height else { return }
        while !Task.isCancelled {
            await chain.signal.wait(above: told, atMost: .seconds(60))
            let blocks = (try? await chain.blocks(from: told + 1, count: 64, byteLimit: 4 << 20)) ?? []
            for bytes in blocks {
                told += 1
                guard let block = try? ExportedBlock.decode(bytes), block.certified.header.proposer == chain.ownKey
                else { continue }
                do { try await service.publish(bytes, to: names.blockTopic) } catch {
                    logger.debug("block \(told) is not told: \(error)")
                }
            }
        }
    }

    /// Takes a block that follows this node's last one, and passes it on then; a later one says where the chain is.
    func judgeBlock(_ delivery: GossipDelivery) async -> GossipVerdict {
        guard let block = try? ExportedBlock.decode(delivery.data) else { return .reject }
        let header = block.certified.header
        do throws(TrustError) {
            try TrustAnchor(genesis: chain.genesis).verify(block.certified)
        } catch {
            await service.report(.invalidBlock, by: delivery.source, "gossip: \(error)")
            return .reject
        }
        guard let own = try? await chain.status().height, header.height > own else { return .ignore }
        guard header.height == own + 1 else {
            await sync.heard(
                ChainStatus(height: header.height, headerID: header.id, firstKeptHeight: 0), from: delivery.source)
            return .ignore
        }
        do {
            _ = try await chain.follow(block)
            return .accept
        } catch let error as TrustError {
            guard error.code != .notInOrder else { return .ignore }
            await sync.refused(block, error, from: delivery.source)
            return .reject
        } catch {
            return .ignore
        }
    }

    // MARK: Transactions

    /// Takes the transactions of a batch that are new and good; passes it on if any is. A batch with a signature that
    /// does not hold is held against its sender, since every honest node has checked it.
    func judgeBatch(_ delivery: GossipDelivery) async -> GossipVerdict {
        guard let batch = try? TransactionBatch.decode(delivery.data) else { return .reject }
        var good: [VerifiedTransaction] = []
        for result in await TransactionVerifier.verify(batch.transactions) {
            switch result {
            case .success(let transaction): good.append(transaction)
            case .failure(let refusal):
                await service.report(.invalidTransaction, by: delivery.source, "\(refusal)")
                return .reject
            }
        }
        guard let taken = try? await chain.admit(good) else { return .ignore }
        return taken > 0 ? .accept : .ignore
    }
}

/// Gathers transactions for a moment, so that many travel as one message.
actor TransactionOutbox {
    private let service: PeerService
    private let topic: String
    private let logger: Logger
    private var waiting: [[UInt8]] = []
    private var byteCount = 0
    private var isScheduled = false
    private var number = UInt64.random(in: 0...(.max >> 1))

    private static let delay: Duration = .milliseconds(5)

    init(service: PeerService, topic: String, logger: Logger) {
        self.service = service
        self.topic = topic
        self.logger = logger
    }

    func add(_ transaction: [UInt8]) async {
        waiting.append(transaction)
        byteCount += transaction.count
        if waiting.count >= ChainProtocol.batchCount || byteCount >= ChainProtocol.batchBytes {
            await send()
        } else if !isScheduled {
            isScheduled = true
            Task {
                try? await Task.sleep(for: Self.delay)
                await send()
            }
        }
    }

    private func send() async {
        isScheduled = false
        guard !waiting.isEmpty else { return }
        number &+= 1
        let batch = TransactionBatch(number: number & (.max >> 1), transactions: waiting)
        waiting = []
        byteCount = 0
        do { try await service.publish(batch.encoded(), to: topic) } catch {
            logger.debug("\(batch.transactions.count) transactions are not told: \(error)")
        }
    }
}
