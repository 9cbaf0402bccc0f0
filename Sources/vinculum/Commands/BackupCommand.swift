import ArgumentParser
import Node
import NodeAPI
import Primitives

struct Backup: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a node's ledger, genesis and configuration to one file.",
        discussion: HelpText(
            why:
                "A node that is lost comes back from it, and from its peers. The node may run meanwhile: what "
                + "is written "
                + "is the ledger at one moment. Keys are in it with --with-keys only; such a file is as secret "
                + "as they are.",
            examples: [
                ("vinculum backup --to node.backup", "chain and configuration, of a node that runs or not"),
                ("vinculum backup --to node.backup --with-keys", "with the keys"),
                ("vinculum restore --from node.backup --data ./node", "bring it back"),
            ],
            limits: "Objects and what is known of peers are not in it: they come back from other nodes. Needs room for "
                + "the ledger twice while it works. Never overwrites; a file that is there is whole and synced.",
            exits: [.ok, .failed, .usage, .configuration, .notFound, .notProven, .exists]
        ).text)

    @Option(help: ArgumentHelp("Where the backup is written; nothing may be there.", valueName: "file")) var to: String
    @Flag(help: "Write the keys too: the file lets its reader act as this node.") var withKeys = false
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let made = try NodeBackup.make(
            try folder.startable(), to: absolutePath(to, from: currentFolder), withKeys: withKeys)
        output.emit(
            "backup",
            CBORMap([
                ("file", .text(to)), ("chain", .text(made.index.chain.text)), ("height", .unsigned(made.index.height)),
                ("byte_count", .unsigned(made.byteCount)), ("digest", .text(made.digest.hex)),
                ("with_keys", .bool(made.index.hasKeys)),
                ("contents", .array(made.index.entries.map { .text($0.name) })),
            ])
        ) { style in
            var facts = FactList()
            facts.add("file", "\(to)  \(HumanUnits.bytes(made.byteCount))")
            facts.add("chain", "\(made.index.chain.text), height \(made.index.height)")
            facts.add("contents", made.index.entries.map(\.name).joined(separator: ", "))
            facts.add("digest", made.digest.hex)
            let warning =
                made.index.hasKeys
                ? "It holds keys: keep it as secret as they are." : "It holds no keys: keep those apart."
            return facts.text(style) + "\n\n" + warning
        }
        return .ok
    }
}
