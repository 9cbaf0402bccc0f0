import CSodium
import Glibc
import NIOPosix
import PeerNetwork
import Primitives

/// Connections that are made and closed again, against the curve arithmetic that a handshake cannot do without.
struct HandshakeBenchmark: Sendable {
    let rounds: Int
    /// In each round, of all dialers together.
    let handshakes: Int
    /// As many as keep the cores busy while each waits for its peer.
    private static let dialerCount = 4

    func run(_ report: Report) async throws {
        let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let threads = NIOThreadPool(numberOfThreads: cores)
        threads.start()
        let curves = try CurveArithmetic()
        let (dialers, listener, address) = try await hosts()
        var limits: [Cost] = []
        var alone: [Cost] = []
        var identified: [Cost] = []
        // In turns, so that a processor that others slow down slows all. The first round warms it up.
        for round in 0...rounds {
            let limit = try await curves.measure(threads, count: cores, handshakes: handshakes / 4)
            let cost = try await connect(dialers, to: address, identifies: false)
            let whole = try await connect(dialers, to: address, identifies: true)
            guard round > 0 else { continue }
            limits.append(limit)
            alone.append(cost)
            identified.append(whole)
        }
        for dialer in dialers { await dialer.shutdown() }
        await listener.shutdown()
        try await threads.shutdownGracefully()
        write(limits, alone, identified, report)
    }

    private func write(_ limits: [Cost], _ alone: [Cost], _ identified: [Cost], _ report: Report) {
        report.add(
            "handshakes: dial, Noise, Yamux, closed again", "\(counted(median(alone.map(\.perSecond)))) /s",
            "their curve arithmetic alone, all cores: \(counted(median(limits.map(\.perSecond)))) /s",
            ratio: median(zip(alone, limits).map { $0.perSecond / $1.perSecond }))
        for (what, costs) in [
            ("processor time of a handshake, both sides", alone),
            ("the same with identify in both directions", identified),
        ] {
            report.add(
                what, "\(significant(median(costs.map(\.processor)) * 1e6)) us",
                "curve arithmetic: \(significant(median(limits.map(\.processor)) * 1e6)) us",
                ratio: median(zip(limits, costs).map { $0.processor / $1.processor }))
        }
    }

    private func hosts() async throws -> ([PeerHost], PeerHost, Multiaddr) {
        var configuration = PeerHostConfiguration()
        // A dialer is back before the listener has seen the end of its last connection.
        configuration.connectionsPerPeer = 16
        let listener = NetworkBenchmark.host(configuration)
        configuration.threads = 1
        let dialers = (0..<HandshakeBenchmark.dialerCount).map { _ in NetworkBenchmark.host(configuration) }
        return (dialers, listener, try await NetworkBenchmark.listen(listener))
    }

    private func connect(_ dialers: [PeerHost], to address: Multiaddr, identifies: Bool) async throws -> Cost {
        guard let peer = address.peer else { throw NetworkBenchmark.Failure(description: "an address without peer") }
        let (start, processor) = (now(), processorSeconds())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for dialer in dialers {
                let share = handshakes / dialers.count
                group.addTask {
                    let events = identifies ? dialer.events() : nil
                    var next = events?.makeAsyncIterator()
                    for _ in 0..<share {
                        try await dialer.connect(to: peer, at: [address])
                        while let event = await next?.next() {
                            if case .identified = event { break }
                        }
                        await dialer.disconnect(peer)
                    }
                }
            }
            try await group.waitForAll()
        }
        let count = Double(handshakes / dialers.count * dialers.count)
        return Cost(perSecond: count / (now() - start), processor: (processorSeconds() - processor) / count)
    }
}

/// What both sides of `Noise_XX` with identities compute on curves, and nothing else: each makes an ephemeral key,
/// agrees on three secrets (ee, es, se) and verifies one signature. Static keys are signed once a start.
struct CurveArithmetic: Sendable {
    private let secret = SecureRandom.bytes(count: 32)
    private let point: [UInt8]
    private let key: PublicKey
    private let signature: Signature
    private let message = [UInt8](repeating: 3, count: 56)

    init() throws {
        var point = [UInt8](repeating: 0, count: 32)
        guard crypto_scalarmult_base(&point, SecureRandom.bytes(count: 32)) == 0 else {
            throw NetworkBenchmark.Failure(description: "libsodium makes no key")
        }
        self.point = point
        let identity = SecretKey.generate()
        key = identity.publicKey
        signature = identity.sign(message)
    }

    /// What one handshake needs on both sides: 2 multiplications of the base point, 6 of others, 2 verifications.
    private func handshake() -> Bool {
        var shared = [UInt8](repeating: 0, count: 32)
        var isGood = true
        for _ in 0..<2 { isGood = crypto_scalarmult_base(&shared, secret) == 0 && isGood }
        for _ in 0..<6 { isGood = crypto_scalarmult(&shared, secret, point) == 0 && isGood }
        for _ in 0..<2 { isGood = key.isValid(signature, for: message) && isGood }
        return isGood
    }

    /// Computes for so many handshakes on each of the threads at the same time, since cores that share their units are
    /// slower together than alone.
    func measure(_ threads: NIOThreadPool, count threadCount: Int, handshakes: Int) async throws -> Cost {
        let start = now()
        let processor = try await withThrowingTaskGroup(of: Double.self) { group in
            for _ in 0..<threadCount {
                group.addTask {
                    try await threads.runIfActive {
                        let begin = threadSeconds()
                        for _ in 0..<handshakes where !handshake() {
                            throw NetworkBenchmark.Failure(description: "libsodium refuses its own keys")
                        }
                        return threadSeconds() - begin
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        let count = Double(threadCount * handshakes)
        return Cost(perSecond: count / (now() - start), processor: processor / count)
    }
}

/// What a handshake costs.
struct Cost: Sendable {
    let perSecond: Double
    /// Seconds of all threads, for one handshake.
    let processor: Double
}
