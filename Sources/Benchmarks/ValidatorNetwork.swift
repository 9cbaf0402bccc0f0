import Glibc
import Ledger
import Node
import NodeAPI
import PeerNetwork
import Primitives
import Tokens

/// Validators of a chain of their own, a process each, on the loopback interface: the installed program, as an operator
/// runs it.
final class ValidatorNetwork {
    let genesis: Genesis
    let payers: [SecretKey]
    private(set) var addresses: [Multiaddr] = []
    private let folder: String
    private let prefix: String
    private let count: Int
    private let etcdEndpoints: String?
    private var processes: [pid_t] = []

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameters:
    ///   - prefix: an installation.
    ///   - folder: a new one for keys, ledgers and logs, on the disk that is to be measured.
    init(prefix: String, folder: String, count: Int, engine: String, payerCount: Int, etcdEndpoints: String? = nil)
        throws
    {
        self.etcdEndpoints = etcdEndpoints
        self.prefix = prefix
        self.folder = folder
        self.count = count
        var random = SeededRandom(state: 4)
        payers = (0..<payerCount).compactMap { _ in
            SecretKey(seed: (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
        var validators: [ValidatorSet.Validator] = []
        var peers: [PeerID] = []
        for number in 0..<count {
            let place = "\(folder)/\(number)"
            guard mkdir(place, 0o700) == 0, mkdir("\(place)/keys", 0o700) == 0 else {
                throw Failure(description: "\(place) cannot be made")
            }
            let (node, network) = (SecretKey.generate(), SecretKey.generate())
            try node.save(to: "\(place)/keys/node.key")
            try network.save(to: "\(place)/keys/network.key")
            validators.append(ValidatorSet.Validator(key: node.publicKey))
            peers.append(PeerID(network.publicKey))
        }
        let majority = engine == "etcd" ? ValidatorSet(validators, threshold: UInt64(count / 2 + 1)) : nil
        guard let set = majority ?? ValidatorSet(byzantine: validators) else {
            throw Failure(description: "\(count) validators make no set")
        }
        let allocations = payers.map { Transfer(to: AccountID($0.publicKey), amount: Amount(tokens: 1_000)) }
        genesis = Genesis(
            name: "bench", timeMilliseconds: Self.wallMilliseconds(), engine: "org.vinculum.consensus-\(engine)",
            validators: set,
            sections: CBORMap([(key: TokensModule.name, value: try TokensGenesis(allocations: allocations).section())]))
        let ports = try LoopbackPorts.free(count: count)
        for (port, peer) in zip(ports, peers) {
            addresses.append(try Multiaddr(text: "/ip4/127.0.0.1/tcp/\(port)/p2p/\(peer)"))
        }
        for number in 0..<count { try configure(number, ports[number]) }
    }

    deinit { stop() }

    private func configure(_ number: Int, _ port: UInt16) throws {
        let others = addresses.indices.filter { $0 != number }.map { "\"\(addresses[$0])\"" }
        try write(genesis.encoded(), to: "\(folder)/\(number)/genesis.dagcbor")
        let text = """
            [mempool]
            per_account = 4096
            [log]
            level = "warning"
            [network]
            listen = ["/ip4/127.0.0.1/tcp/\(port)"]
            peers = [\(others.joined(separator: ", "))]
            """
            + (etcdEndpoints.map { "\n[plugin.\"org.vinculum.consensus-etcd\"]\nendpoints = \"\($0)\"\n" } ?? "")
        try write(Array(text.utf8), to: "\(folder)/\(number)/node.toml")
    }

    func client(_ number: Int) -> NodeClient { NodeClient(.unixSocket(path: "\(folder)/\(number)/api.sock")) }

    /// Starts all of them, and waits until each answers and has met the others.
    func start() async throws {
        for number in 0..<count { try start(number) }
        for number in 0..<count {
            var isThere = false
            for _ in 0..<300 where !isThere {
                isThere = (try? await client(number).networkStatus().peers.count) ?? 0 >= count - 1
                if !isThere { try await Task.sleep(for: .milliseconds(100)) }
            }
            guard isThere else {
                let log = (try? DurableFile.read("\(folder)/\(number)/log", limitBytes: 1 << 20)) ?? []
                let words = String(decoding: log.suffix(500), as: UTF8.self)
                throw Failure(description: "validator \(number) has not met the others after 30 s: \(words)")
            }
        }
    }

    private func start(_ number: Int) throws {
        let words = ["\(prefix)/bin/vinculum", "run", "--config", "\(folder)/\(number)/node.toml"]
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let log = "\(folder)/\(number)/log"
        for stream: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, stream, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        setenv("VINCULUM_END_WITH_PROCESS", "\(getpid())", 1)
        var process = pid_t()
        guard posix_spawn(&process, words[0], &actions, nil, &pointers, environ) == 0 else {
            throw Failure(description: "\(words[0]) cannot be started")
        }
        processes.append(process)
    }

    func stop() {
        for process in processes { kill(process, SIGTERM) }
        for process in processes {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        }
        processes = []
    }

    private static func wallMilliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else { throw Failure(description: "\(path) cannot be written") }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Failure(description: "\(path) cannot be written")
        }
    }
}
