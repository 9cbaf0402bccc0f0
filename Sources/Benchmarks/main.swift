import Glibc
import PluginHost

// vinculum-bench SUBCOMMAND [--NAME VALUE]...: figures of this machine, each beside a limit or a peer, as ratios.

let usage = """
    Usage: vinculum-bench SUBCOMMAND [--form text|markdown] [OPTIONS]

      ledger      signed transfers against signature checks alone; bytes written; restart
                  [--accounts 1000000] [--transactions 200000] [--block 2000] [--folder .]
                  [--file KEPT]: keeps the ledger's file; when it is there, only its restart is measured
      federation  ten sites train on MNIST-5k, against Flower's simulation engine
                  --data FOLDER [--rounds 10] [--peer-python FILE] [--peer-script FILE]
      network     streams against raw TCP with the same cipher, handshakes against their curve arithmetic, gossip
                  [--part streams|handshakes|gossip] [--mebibytes 256] [--rounds 9] [--handshakes 1000]
                  [--nodes 25] [--messages 500]
      validators  nodes that decide together: from submit to decided, and how many a second, beside signature checks
                  --prefix FOLDER [--validators 4] [--engine pos] [--latencies 200] [--transactions 60000] [--folder .]
                  [--etcd-endpoints URL,URL]: for --engine etcd
      plugins     calls: direct, in this process, isolated; a long vector in shared memory --prefix FOLDER
      privacy     exact noise a value, and the accountant --prefix FOLDER
      primitives  signatures, digests, decoding, the state tree [--keys 1000000]

    `./Packaging/dev bench` makes the data, the prefix and the peer's environment and runs all of it. Benchmarks are
    not tests: a missed target is printed, and the exit code stays 0. It is 64 for a wrong command line, 1 when a run
    failed.
    Example: vinculum-bench ledger --accounts 10000 --transactions 20000
    """

/// The command line after the subcommand: pairs of `--name value`.
struct Options {
    private var values: [String: String] = [:]

    init(_ arguments: ArraySlice<String>, known: Set<String>) throws(UsageError) {
        var rest = arguments
        while let name = rest.popFirst() {
            guard name.hasPrefix("--"), known.contains(String(name.dropFirst(2))) else {
                throw UsageError(reason: "unknown option \(name)")
            }
            guard let value = rest.popFirst() else { throw UsageError(reason: "\(name) needs a value") }
            values[String(name.dropFirst(2))] = value
        }
    }

    func text(_ name: String) -> String? { values[name] }

    func count(_ name: String, default usual: Int) throws(UsageError) -> Int {
        guard let text = values[name] else { return usual }
        guard let count = Int(text), count > 0 else { throw UsageError(reason: "--\(name) is a count above 0") }
        return count
    }
}

struct UsageError: Error { let reason: String }

func runBenchmarks() async throws {
    let subcommand = CommandLine.arguments.dropFirst().first ?? "help"
    let rest = CommandLine.arguments.dropFirst(2)
    func options(_ known: Set<String>) throws(UsageError) -> (Options, Report) {
        let options = try Options(rest, known: known.union(["form"]))
        guard let form = Report.Form(rawValue: options.text("form") ?? "text") else {
            throw UsageError(reason: "--form is text or markdown")
        }
        return (options, Report(form: form))
    }
    switch subcommand {
    case "ledger":
        let (options, report) = try options(["accounts", "transactions", "block", "folder", "file"])
        let benchmark = LedgerBenchmark(
            accountCount: try options.count("accounts", default: 1_000_000),
            transactionCount: try options.count("transactions", default: 200_000),
            blockSize: try options.count("block", default: 2_000), folder: options.text("folder") ?? ".",
            file: options.text("file"))
        try await benchmark.run(report)
    case "federation":
        let (options, report) = try options(["data", "rounds", "peer-python", "peer-script"])
        guard let data = options.text("data") else { throw UsageError(reason: "federation needs --data FOLDER") }
        let benchmark = FederationBenchmark(
            folder: data, roundCount: try options.count("rounds", default: 10),
            peer: FlowerPeer(python: options.text("peer-python"), script: options.text("peer-script")))
        try await benchmark.run(report)
    case "network":
        let (options, report) = try options(["part", "mebibytes", "rounds", "handshakes", "nodes", "messages"])
        var benchmark = NetworkBenchmark(
            transferMebibytes: try options.count("mebibytes", default: 256),
            rounds: try options.count("rounds", default: 9),
            handshakes: try options.count("handshakes", default: 1_000),
            nodes: try options.count("nodes", default: 25), messages: try options.count("messages", default: 500))
        if let name = options.text("part") {
            guard let part = NetworkBenchmark.Part(rawValue: name) else {
                throw UsageError(reason: "--part is streams, handshakes or gossip")
            }
            benchmark.parts = [part]
        }
        try await benchmark.run(report)
    case "primitives":
        let (options, report) = try options(["keys"])
        try await PrimitivesBenchmark(keyCount: try options.count("keys", default: 1_000_000)).run(report)
    case "validators":
        let (options, report) = try options([
            "prefix", "validators", "engine", "latencies", "transactions", "folder", "etcd-endpoints",
        ])
        guard let prefix = options.text("prefix") else { throw UsageError(reason: "needs --prefix FOLDER") }
        let benchmark = ValidatorBenchmark(
            prefix: prefix, folder: options.text("folder") ?? ".",
            validatorCount: try options.count("validators", default: 4), engine: options.text("engine") ?? "pos",
            latencyCount: try options.count("latencies", default: 200),
            transactionCount: try options.count("transactions", default: 60_000),
            etcdEndpoints: options.text("etcd-endpoints"))
        try await benchmark.run(report)
    case "plugins", "privacy":
        let (options, report) = try options(["prefix"])
        guard let prefix = options.text("prefix") else { throw UsageError(reason: "needs --prefix FOLDER") }
        if subcommand == "plugins" {
            try PluginsBenchmark(prefix: prefix).run(report)
        } else {
            try PrivacyBenchmark(prefix: prefix).run(report)
        }
    case "help", "--help", "-h": print(usage)
    default: throw UsageError(reason: "no subcommand \(subcommand)")
    }
}

// Isolated plugins run in copies of this program.
if PluginChild.isRequested(CommandLine.arguments) { exit(PluginChild.main(arguments: CommandLine.arguments)) }

do {
    try await runBenchmarks()
} catch let error as UsageError {
    emitError("vinculum-bench: \(error.reason)\n\n\(usage)")
    exit(64)
} catch {
    emitError("vinculum-bench: \(error)")
    exit(1)
}
