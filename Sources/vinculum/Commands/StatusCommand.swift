import ArgumentParser
import Node
import NodeAPI
import Primitives

struct Status: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show whether the node is healthy, and where its chain stands.",
        discussion: HelpText(
            why: "Health comes first: the exit code is 1 when the node is not well.",
            examples: [
                ("vinculum status", "the folder's node"),
                ("vinculum status --node http://127.0.0.1:7400 --token-file t", "a node over TCP"),
            ], exits: ExitStatus.ofNode
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        let health = try await client.health()
        let status = try await client.status()
        var document = status.wire.map ?? CBORMap()
        document["health"] = health.wire
        output.emit("status", document) { style in
            var facts = FactList()
            facts.add("health", health.healthy ? style.good("healthy") : style.bad("not healthy"))
            for finding in health.findings where !finding.healthy {
                facts.add("  \(finding.check)", finding.detail + (finding.mend.map { "; to do: \($0)" } ?? ""))
            }
            facts.add("chain", status.chain)
            let time = HumanUnits.time(milliseconds: status.headTimeMilliseconds)
            facts.add("height", "\(HumanUnits.grouped(status.height)) (last block \(time))")
            facts.add("transactions", HumanUnits.grouped(status.transactions))
            facts.add("waiting", HumanUnits.grouped(UInt64(clamping: status.pendingTransactions)))
            facts.add("role", "\(status.role), \(status.validators) validator(s), engine \(status.engine)")
            facts.add("running for", HumanUnits.duration(.milliseconds(Int64(clamping: status.uptimeMilliseconds))))
            facts.add("version", status.version)
            for plugin in status.plugins {
                facts.add("plugin", "\(plugin.id) \(plugin.version) (\(plugin.kind), \(plugin.isolation))")
            }
            if let aggregator = status.aggregator { facts.add("aggregates as", aggregator) }
            for note in status.notes { facts.add("note", note) }
            return facts.text(style)
        }
        return health.healthy ? .ok : .failed
    }
}
