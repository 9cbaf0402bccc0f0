import ArgumentParser
import Node
import NodeAPI
import Primitives

struct Restore: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a node's folder from a backup.",
        discussion: HelpText(
            why:
                "Every byte is checked before anything is changed, and the folder appears whole or not at all. "
                + "A backup "
                + "does not know what a validator signed after it was made, and two signatures for one height are what "
                + "validators are punished for: so a restored node signs nothing until it has followed a block "
                + "that was "
                + "made after the restore. It lifts this by itself; `vinculum status` shows it.",
            examples: [
                ("vinculum restore --from node.backup --data ./node", "into a folder that is not there, or empty"),
                (
                    "vinculum restore --from node.backup --data ./node --sign-at-once",
                    "the only validator, stopped before its backup was made"
                ),
            ],
            limits: "Never run the old node again: one key on two machines signs twice. Keys that the backup does not "
                + "hold are made anew; put your own in their place before the first start.",
            exits: [.ok, .failed, .usage, .notFound, .notProven, .exists]
        ).text)

    @Option(help: ArgumentHelp("The file that `vinculum backup` wrote.", valueName: "file")) var from: String
    @Option(help: ArgumentHelp("Refuse a backup of another chain than this one.", valueName: "id")) var chain: String?
    @Flag(help: "This node's key has signed nothing since the backup was made, and will not elsewhere: let it sign.")
    var signAtOnce = false
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let wanted: CID?
        do { wanted = try chain.map { try CID(text: $0) } } catch {
            throw ValidationError("--chain takes a chain's id, not '\(chain ?? "")'")
        }
        let root = folder.folder
        let restored = try NodeRestore.restore(
            absolutePath(from, from: currentFolder), to: absolutePath(root, from: currentFolder), chain: wanted,
            signsAtOnce: signAtOnce)
        let index = restored.index
        let next = root == FolderOptions.usualFolder ? "vinculum run" : "vinculum run --data \(root)"
        output.emit(
            "restore",
            CBORMap([
                ("folder", .text(root)), ("chain", .text(index.chain.text)), ("height", .unsigned(index.height)),
                ("made_ms", .unsigned(index.madeMilliseconds)),
                ("contents", .array(index.entries.map { .text($0.name) })),
                ("new_keys", .array(restored.newKeys.map { .text($0) })),
                ("signing_hold_ms", restored.signingHoldMilliseconds.map { .unsigned($0) } ?? .null),
                ("next", .text(next)),
            ])
        ) { style in
            var facts = FactList()
            facts.add("folder", root)
            facts.add("chain", "\(index.chain.text), height \(index.height)")
            facts.add("backup of", HumanUnits.time(milliseconds: index.madeMilliseconds))
            if !restored.newKeys.isEmpty { facts.add("new keys", restored.newKeys.joined(separator: ", ")) }
            if restored.signingHoldMilliseconds != nil {
                facts.add("signing", "held back until a block that is made after this restore is final")
            }
            return facts.text(style) + "\n\nStart it with:\n  \(style.bold(next))"
        }
        return .ok
    }
}
