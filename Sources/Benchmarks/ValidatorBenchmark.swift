import Glibc
import Ledger
import Logging
import Node
import NodeAPI
import PeerNetwork
import Primitives
import Synchronization
import Tokens

/// Validators in processes of their own: how long a transaction takes from a client's submit to the decision, and how
/// many a second they decide when they are flooded.
struct ValidatorBenchmark {
    let prefix: String
    let folder: String
    let validatorCount: Int
    let engine: String
    let latencyCount: Int
    let transactionCount: Int
    /// Of the cluster that orders the blocks, for the engine etcd.
    var etcdEndpoints: String?

    private static let payerCount = 1_000
    private static let batchCount = 256
    /// Sent and not decided: enough for some blocks, and less than a pool takes.
    private static let outstanding = 16_000

    func run(_ report: Report) async throws {
        var path = Array("\(folder)/vinculum-bench-validators-XXXXXX".utf8CString)
        guard mkdtemp(&path) != nil else { throw ValidatorNetwork.Failure(description: "\(folder) takes no folder") }
        let place = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { DurableFile.removeTree(place) }
        let network = try ValidatorNetwork(
            prefix: prefix, folder: place, count: validatorCount, engine: engine, payerCount: Self.payerCount,
            etcdEndpoints: etcdEndpoints)
        try await network.start()
        report.add("fdatasync of 4 KiB, median", "\(rounded(syncMedian(folder: place), 3)) ms")
        try await measureLatency(network, report)
        try await measureThroughput(network, report)
    }

    private func transfer(_ network: ValidatorNetwork, _ payer: Int, sequence: UInt64) -> [UInt8] {
        let key = network.payers[payer]
        let other = network.payers[(payer + 1) % network.payers.count].publicKey
        return Transaction(
            TransactionBody(
                chain: network.genesis.chain, account: AccountID(key.publicKey), lane: 0, sequence: sequence,
                validUntilHeight: 1_000_000, feeLimit: TransactionFees.agentLimit, module: TokensModule.name,
                call: ActionCall("transfer", Transfer(to: AccountID(other), amount: Amount(baseUnits: 1_000)))),
            signedBy: [key]
        ).encoded
    }

    // MARK: Latency

    /// One at a time, through each validator in turn: the proposer is mostly another one.
    private func measureLatency(_ network: ValidatorNetwork, _ report: Report) async throws {
        var times: [Double] = []
        for index in 0..<latencyCount {
            let bytes = transfer(network, 0, sequence: UInt64(index))
            let client = network.client(index % validatorCount)
            let start = now()
            let outcome = try await client.submit(bytes, waitingAtMost: .seconds(20))
            guard case .decided(let receipt) = outcome, receipt.succeeded else {
                throw ValidatorNetwork.Failure(description: "transfer \(index) is not decided after 20 s")
            }
            // The first ones pay for what is set up once.
            if index >= latencyCount / 10 { times.append(now() - start) }
        }
        times.sort()
        let what = "submit to decided, \(validatorCount) validators, \(engine), one at a time"
        let middle = times[times.count / 2]
        report.add(
            "\(what): p50", "\(significant(middle * 1e3)) ms", "limit: 50 ms", ratio: middle / 0.05, target: .atMost(1))
        report.add("\(what): p99", "\(significant(times[times.count * 99 / 100] * 1e3)) ms")
    }

    // MARK: Throughput

    /// Floods the validators as a peer of theirs, and counts what the blocks hold that they tell it.
    private func measureThroughput(_ network: ValidatorNetwork, _ report: Report) async throws {
        let each = transactionCount / (Self.payerCount - 1)
        var batches: [[UInt8]] = []
        var batch: [[UInt8]] = []
        // Payer 0 has measured latency. Sequence by sequence, so that none comes before its own predecessor.
        for sequence in 0..<each {
            for payer in 1..<Self.payerCount {
                batch.append(transfer(network, payer, sequence: UInt64(sequence)))
                guard batch.count == Self.batchCount else { continue }
                batches.append(Self.encoded(batch, number: UInt64(batches.count)))
                batch = []
            }
        }
        let name = String(network.genesis.chain.digest.hex.prefix(16))
        var configuration = PeerServiceConfiguration(network: name)
        configuration.configured = network.addresses
        configuration.gossip.topics = [
            "/vinculum/\(name)/blocks/1": GossipTopicSettings(priority: .blocks),
            "/vinculum/\(name)/transactions/1": GossipTopicSettings(priority: .other),
        ]
        let service = try PeerService(
            key: .generate(), configuration: configuration,
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        try await service.start()
        let decided = Decided()
        try await service.join("/vinculum/\(name)/blocks/1") { delivery in
            guard let block = try? ExportedBlock.decode(delivery.data) else { return .reject }
            decided.add(block.transactions.count)
            return .accept
        }
        try await service.join("/vinculum/\(name)/transactions/1") { _ in .ignore }
        for address in network.addresses { _ = try await service.connect(to: address) }
        try await Task.sleep(for: .seconds(3))

        let total = batches.count * Self.batchCount
        let start = now()
        var sent = 0
        for batch in batches {
            while sent - decided.count > Self.outstanding {
                try await Task.sleep(for: .milliseconds(2))
                guard now() - decided.last(start) < 30 else { break }
            }
            try await service.publish(batch, to: "/vinculum/\(name)/transactions/1")
            sent += Self.batchCount
        }
        while decided.count < total, now() - decided.last(start) < 20 { try await Task.sleep(for: .milliseconds(5)) }
        let seconds = decided.last(start) - start
        let rate = Double(decided.count) / seconds
        let blockRate = Double(decided.blocks) / seconds
        _ = await service.stop()
        if decided.count < total {
            report.note("\(counted(decided.count)) of \(counted(total)) were decided; the rest was lost on the way")
        }
        let check = try secondsOfCheck(transfer(network, 0, sequence: 0))
        let cores = Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let limit = cores / (Double(validatorCount) * check)
        report.add(
            "signed transfers decided by \(validatorCount) validators on this machine, \(engine), durable",
            "\(counted(rate)) /s",
            "every signature checked by each of them and nothing else: \(counted(limit)) /s", ratio: rate / limit)
        report.add("blocks in that time", "\(significant(blockRate)) /s")
        report.add(
            "the same, beside CometBFT's unsigned kvstore", "\(counted(rate)) /s", "4,300 /s on a machine like this",
            ratio: rate / 4_300, target: .atLeast(1))
    }

    private func secondsOfCheck(_ bytes: [UInt8]) throws -> Double {
        let start = now()
        for _ in 0..<1_000 { _ = try VerifiedTransaction(decoding: bytes, byteLimit: 1 << 16) }
        return (now() - start) / 1_000
    }

    /// As nodes send them: a number, and the transactions.
    private static func encoded(_ transactions: [[UInt8]], number: UInt64) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: 2)
        encoder.unsigned(number)
        encoder.array(count: transactions.count)
        for transaction in transactions { encoder.bytes(transaction) }
        return encoder.finish()
    }

    /// Counts what blocks hold; safe from any thread.
    private final class Decided: Sendable {
        private let state = Mutex((count: 0, blocks: 0, last: 0.0))
        var count: Int { state.withLock { $0.count } }
        var blocks: Int { state.withLock { $0.blocks } }

        func add(_ transactions: Int) {
            state.withLock { state in
                state.count += transactions
                state.blocks += 1
                state.last = now()
            }
        }

        /// When the last block came; `start` before the first.
        func last(_ start: Double) -> Double { state.withLock { max($0.last, start) } }
    }
}
