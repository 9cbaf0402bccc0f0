import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives

struct InitSite: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "site", abstract: "Make a data owner's folder: a key, and a policy file to read and edit.",
        discussion: HelpText(
            why: """
                A site is a light client with a policy: it keeps its data, and decides about every job by the rules of
                its own file. The policy that is written here is strict; read it, it has every key with its meaning.
                """,
            examples: [
                (
                    "vinculum init site --data north --genesis node/genesis.dagcbor --node unix:node/api.sock "
                        + "--dataset north.safetensors --requester did:key:z… --purpose research/imaging",
                    "a site that takes one requester's jobs"
                ),
                ("vinculum work --config north/site.toml", "then serve under it"),
            ],
            limits: "Never overwrites. The exact number of records stays here: the public size is rounded up.",
            exits: [.ok, .failed, .usage, .notFound, .notProven, .exists, .configuration]
        ).text)

    @Option(help: ArgumentHelp("The site's folder.", valueName: "folder")) var data: String
    @Option(help: ArgumentHelp("A name for logs; the folder's where none is given.", valueName: "name"))
    var name: String?
    @Option(help: ArgumentHelp("The chain's genesis; it is copied.", valueName: "file")) var genesis: String
    @Option(help: ArgumentHelp("A node to ask, unix:PATH or http://HOST:PORT; more in order.", valueName: "address"))
    var node: [String]
    @Option(
        help: ArgumentHelp(
            "The records: a safetensors file with `inputs` (U8, records x width) and `labels` (U8).",
            valueName: "file"))
    var dataset: String
    @Option(
        help: ArgumentHelp("An account whose jobs are considered; more than one may be given.", valueName: "account"))
    var requester: [String]
    @Option(help: ArgumentHelp("A purpose that is allowed; more than one may be given.", valueName: "text"))
    var purpose: [String]
    @Option(help: "The epsilon that all jobs together may cost.") var epsilonTotal = 3.0
    @Option(help: "The fewest members that a job may run with.") var leastMembers: UInt8 = 3
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let root = absolutePath(data, from: currentFolder)
        let made = UnfinishedFolder(root: root, last: "site.toml")
        let chain = try readBytes(genesis, limitBytes: 16 << 20)
        do throws(CBORError) { _ = try Genesis.decode(chain) } catch {
            throw CommandFailure(.notProven, "\(genesis) is no genesis: \(error)")
        }
        let records = absolutePath(dataset, from: currentFolder)
        let count = try SiteData.count(records)
        let text = SitePolicy.schema.documentedFile(try values(records, count))
        // Checked before anything is written: a policy that would be refused later is refused here.
        _ = try SitePolicy(text: text, file: "\(root)/site.toml", baseFolder: root)

        try made.begin(
            mode: 0o711, others: ["genesis.dagcbor", "keys/site.key"], hint: "choose another folder with --data")
        let key = try made.key("site")
        try DurableFile.replace("\(root)/genesis.dagcbor", with: chain)
        try made.finish(text)
        let account = AccountID(key.publicKey)
        let next = "vinculum work --config \(data)/site.toml"
        output.emit(
            "init-site",
            CBORMap([
                ("folder", .text(root)), ("account", .text(account.text)), ("records", .unsigned(UInt64(count))),
                ("size_band", .unsigned(UInt64(Self.band(count)))), ("next", .text(next)),
            ])
        ) { style in
            var facts = FactList()
            facts.add("folder", root)
            facts.add("account", account.text)
            facts.add("records", "\(count) here; the ledger is told \(Self.band(count))")
            return facts.text(style) + "\n\nRead \(data)/site.toml, then serve with:\n  \(style.bold(next))"
        }
        return .ok
    }

    private func values(_ records: String, _ count: Int) throws -> [String: ConfigurationValue] {
        let folderName = absolutePath(data, from: currentFolder).split(separator: "/").last.map(String.init)
        let nodes = node.map { text in
            guard text.hasPrefix("unix:") else { return text }
            return "unix:" + absolutePath(String(text.dropFirst(5)), from: currentFolder)
        }
        for text in nodes { _ = try NodeAddress(text) }
        return [
            "site.name": .text(name ?? folderName ?? "site"), "site.nodes": .list(nodes.map { .text($0) }),
            "site.data_folder": .text("state"), "dataset.name": .text(name ?? folderName ?? "records"),
            "dataset.path": .text(records), "dataset.size_band": .integer(Int64(Self.band(count))),
            "policy.requesters": .list(requester.map { .text($0) }),
            "policy.purposes": .list(purpose.map { .text($0) }),
            "policy.trainers": .list([.text(try ConfigurationFiles.shippedTrainerDigest.hex)]),
            "policy.shown": .list([.text("single-updates")]), "policy.least_members": .integer(Int64(leastMembers)),
            "guarantee.unit": .text("record"), "guarantee.epsilon_per_job": .decimal(min(epsilonTotal, 3)),
            "budget.epsilon_total": .decimal(epsilonTotal), "budget.per_job_share": .decimal(1),
        ]
    }

    /// Up to two digits that count: 1,797 becomes 1,800, 60,000 stays.
    static func band(_ count: Int) -> Int {
        var step = 1
        while count / step >= 100 { step *= 10 }
        return (count + step - 1) / step * step
    }
}
