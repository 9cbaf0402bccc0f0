import ArgumentParser
import Node
import NodeAPI
import Primitives

struct InitKey: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make a validator's key, for a chain that somebody else begins.",
        discussion: HelpText(
            why: "A genesis names its validators: each makes a key first, and sends the account and the peer id that "
                + "this command shows. The keys stay in the folder.",
            examples: [
                ("vinculum init key --data ./node", "shows the account for `vinculum init --validator`"),
                ("vinculum init --data ./node --join genesis.dagcbor --peer ADDRESS", "ends it, with the genesis"),
            ],
            limits: "Never overwrites: a key that is there is shown again, a folder with a whole node is refused.",
            exits: [.ok, .failed, .usage, .exists]
        ).text)

    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let root = folder.folder
        let made = UnfinishedFolder(root: root, last: "node.toml")
        try made.begin(
            mode: 0o700, others: ["genesis.dagcbor", "keys/node.key", "keys/main.key", "keys/aggregator.key"],
            hint: "choose another folder with --data, or start that node with `vinculum run`")
        let account = AccountID(try made.key("node").publicKey)
        let peer = NetworkIdentity.peer(of: try made.key("network").publicKey)
        let next = "vinculum init --data \(root) --join FILE --peer ADDRESS"
        output.emit(
            "init-key",
            CBORMap([("folder", .text(root)), ("validator", .text(account.text)), ("peer", .text(peer))])
        ) { style in
            var facts = FactList()
            facts.add("folder", root)
            facts.add("validator", account.text)
            facts.add("peer id", "\(peer), for the end of this node's address: /ip4/.../tcp/4001/p2p/...")
            return facts.text(style) + "\n\nWith the genesis:\n  \(style.bold(next))"
        }
        return .ok
    }
}
