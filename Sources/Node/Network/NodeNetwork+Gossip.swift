import Ledger
import Logging
import PeerNetwork
import Primitives
import Synchronization

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
        guard let (own, validators) = try? await chain.validators(of: header) else { return .ignore }
        do throws(TrustError) {
            guard header.chain == chain.genesis.chain else { throw TrustError(.wrongChain, "\(header.chain)") }
            // Whose set is not known here may be of a height that is not here yet.
            if let validators { try block.certified.certificate.verify(header, validators: validators) }
        } catch {
            await service.report(.invalidBlock, by: delivery.source, "gossip: \(error)")
            return .reject
        }
        guard header.height > own else { return .ignore }
        guard header.height == own + 1 else {
            // A hint at most: what the peer says is asked of it, block by block, each checked.
            await sync.heard(of: header, from: delivery.source)
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
        // Not asked of the kernel's thread, which may be executing a block: others are checked meanwhile.
        let digests = batch.transactions.map { Digest.blake2b256($0) }
        let isNew = taken.withLock { taken in digests.map { !taken.contains($0) } }
        let unknown = zip(batch.transactions, isNew).filter(\.1).map(\.0)
        guard !unknown.isEmpty else { return .ignore }
        var good: [VerifiedTransaction] = []
        for result in await TransactionVerifier.verify(unknown) {
            switch result {
            case .success(let transaction): good.append(transaction)
            case .failure(let refusal):
                await service.report(.invalidTransaction, by: delivery.source, "\(refusal)")
                return .reject
            }
        }
        guard let admitted = try? await chain.admit(good), !admitted.isEmpty else { return .ignore }
        // What was refused may be good when it is told again, after what it waits for.
        let fresh = admitted.map { Digest.blake2b256($0.transaction.encoded) }
        taken.withLock { taken in for digest in fresh { taken.insert(digest) } }
        return .accept
    }
}

extension NodeNetwork {
    /// Tells transactions again that nobody seems to have taken.
    func retell() async {
        var retelling = TransactionRetelling()
        let start = ContinuousClock.now
        while !Task.isCancelled {
            try? await Task.sleep(for: TransactionRetelling.firstWait)
            guard !Task.isCancelled else { return }
            let oldest = try? await chain.oldestWaiting()
            guard retelling.isDue(oldest: oldest, now: ContinuousClock.now - start),
                let waiting = try? await chain.waiting(atMost: TransactionRetelling.count)
            else { continue }
            for transaction in waiting { await tell(transaction) }
        }
    }
}

/// Gathers transactions for a moment, so that many travel as one message; the first after a pause does not wait.
actor TransactionOutbox {
    private let service: PeerService
    private let topic: String
    private let logger: Logger
    private var waiting: [[UInt8]] = []
    private var byteCount = 0
    private var isScheduled = false
    private var lastSent: ContinuousClock.Instant?
    private var number = UInt64.random(in: 0...(.max >> 1))

    private let delay: Duration
    /// Every message is worth waiting for more.
    private let isPatient: Bool

    private static let usualDelay: Duration = .milliseconds(5)
    /// Fewer and larger messages, for half a second.
    private static let slowDelay: Duration = .milliseconds(500)

    init(service: PeerService, topic: String, isLowBandwidth: Bool, logger: Logger) {
        isPatient = isLowBandwidth
        delay = isLowBandwidth ? Self.slowDelay : Self.usualDelay
        self.service = service
        self.topic = topic
        self.logger = logger
    }

    func add(_ transaction: [UInt8]) async {
        waiting.append(transaction)
        byteCount += transaction.count
        let isFull = waiting.count >= ChainProtocol.batchCount || byteCount >= ChainProtocol.batchBytes
        let isFirst = lastSent.map { $0 + delay < .now } ?? true
        if isFull || isFirst && !isPatient {
            await send()
        } else if !isScheduled {
            isScheduled = true
            Task {
                try? await Task.sleep(for: delay)
                await send()
            }
        }
    }

    private func send() async {
        isScheduled = false
        guard !waiting.isEmpty else { return }
        lastSent = .now
        number &+= 1
        let batch = TransactionBatch(number: number & (.max >> 1), transactions: waiting)
        waiting = []
        byteCount = 0
        do { try await service.publish(batch.encoded(), to: topic) } catch {
            logger.debug("\(batch.transactions.count) transactions are not told: \(error)")
        }
    }
}
