import Glibc
import Logging
import NIOCore
import PeerNetwork
import Primitives

/// The network between peers on this machine's loopback: streams, handshakes and gossip.
struct NetworkBenchmark: Sendable {
    enum Part: String, CaseIterable { case streams, handshakes, gossip }

    var parts = Set(Part.allCases)
    /// Bytes of each transfer, in MiB.
    var transferMebibytes = 256
    var rounds = 9
    /// Handshakes in each round, of all dialers together.
    var handshakes = 1_000
    var nodes = 25
    var messages = 500

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func run(_ report: Report) async throws {
        if parts.contains(.streams) { try await streams(report) }
        if parts.contains(.handshakes) {
            try await HandshakeBenchmark(rounds: rounds, handshakes: handshakes).run(report)
        }
        if parts.contains(.gossip) {
            try await GossipBenchmark(nodeCount: nodes, messageCount: messages).run(report)
        }
    }

    // MARK: Hosts

    static func host(_ configuration: PeerHostConfiguration) -> PeerHost {
        PeerHost(key: .generate(), configuration: configuration, logger: quietLogger)
    }

    /// A benchmark that makes thousands of connections does not log them.
    static let quietLogger: Logger = {
        var logger = Logger(label: "bench")
        logger.logLevel = .critical
        return logger
    }()

    static func listen(_ host: PeerHost) async throws -> Multiaddr {
        try await host.listen(at: Multiaddr(.v4(0x7f00_0001), tcp: 0)).with(host.peer)
    }

    // MARK: Streams

    private static let sink = "/vinculum/bench/sink/1"
    private static let chunk = ByteBuffer(repeating: 0x5a, count: 256 * 1024)

    /// In turns with the plain socket, so that a processor that others slow down slows both.
    private func streams(_ report: Report) async throws {
        let (dialer, listener) = try await NetworkBenchmark.pair()
        let byteCount = transferMebibytes << 20
        let raw = try RawTransfer()
        var ours: [Double] = []
        var plain: [Double] = []
        var processor: [(ours: Double, plain: Double)] = []
        // The first round warms caches, windows and the processor up.
        for round in 0...rounds {
            let begin = processorSeconds()
            let plainSeconds = try await raw.run(byteCount)
            let between = processorSeconds()
            let ourSeconds = try await transfer(byteCount, from: dialer, to: listener.peer)
            let end = processorSeconds()
            guard round > 0 else { continue }
            processor.append((ours: end - between, plain: between - begin))
            plain.append(Double(byteCount) / plainSeconds / 1e6)
            ours.append(Double(byteCount) / ourSeconds / 1e6)
        }
        raw.close()
        await dialer.shutdown()
        await listener.shutdown()
        report.add(
            "one stream over loopback: TCP, Noise, Yamux", "\(counted(median(ours))) MB/s",
            "TCP with the same cipher, two blocking threads: \(counted(median(plain))) MB/s",
            ratio: median(zip(ours, plain).map { $0 / $1 }), target: .atLeast(0.7))
        let ratios = zip(ours, plain).map { $0 / $1 }.sorted()
        report.note("ratios of the rounds: \(ratios.map { significant($0) }.joined(separator: " "))")
        let mebibytes = Double(transferMebibytes)
        report.add(
            "processor time of a MiB, both sides", "\(significant(median(processor.map(\.ours)) / mebibytes * 1e6)) us",
            "TCP with the same cipher: \(significant(median(processor.map(\.plain)) / mebibytes * 1e6)) us",
            ratio: median(processor.map { $0.plain / $0.ours }))
    }

    private static func pair() async throws -> (dialer: PeerHost, listener: PeerHost) {
        var configuration = PeerHostConfiguration()
        configuration.threads = 1
        let (dialer, listener) = (host(configuration), host(configuration))
        try listener.handle(sink) { stream in
            do {
                var count = 0
                while let bytes = try await stream.read() { count += bytes.readableBytes }
                try await stream.writeMessage(Array("\(count)".utf8))
            } catch { stream.reset("\(error)") }
        }
        try await dialer.connect(to: try await listen(listener))
        return (dialer, listener)
    }

    /// Sends so many bytes on a new stream; the seconds until the peer says that it has read them.
    private func transfer(_ byteCount: Int, from dialer: PeerHost, to peer: PeerID) async throws -> Double {
        let stream = try await dialer.openStream(to: peer, protocols: [NetworkBenchmark.sink], lazily: false)
        let start = now()
        for _ in 0..<byteCount / NetworkBenchmark.chunk.readableBytes { try await stream.write(NetworkBenchmark.chunk) }
        stream.closeWrite()
        let answer = try await stream.readMessage(limit: 32)
        let seconds = now() - start
        stream.close()
        guard answer == Array("\(byteCount)".utf8) else {
            throw Failure(description: "the peer did not read \(byteCount) bytes")
        }
        return seconds
    }
}

/// Values in order, and the share of them that is not larger: 0.5 is the median.
func percentile(_ sorted: [Double], _ share: Double) -> Double {
    guard !sorted.isEmpty else { return .nan }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}
