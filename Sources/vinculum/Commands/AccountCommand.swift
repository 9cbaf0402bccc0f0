import ArgumentParser
import Glibc
import Node
import NodeAPI
import Primitives

struct Account: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make keys and look at accounts.",
        discussion: HelpText(
            why:
                "An account is an Ed25519 key, shown as did:key. Its secret stays in FOLDER/keys/NAME.key (mode 0600).",
            examples: [
                ("vinculum account new alice", "make a key"), ("vinculum account show main", "see what it has"),
            ], exits: ExitStatus.ofNode + [.notFound, .exists]
        ).text,
        subcommands: [AccountNew.self, AccountShow.self, AccountList.self, AccountAddress.self])
}

/// The keys of a folder, by name.
struct KeyStore {
    let folder: String

    func path(_ name: String) throws -> String {
        let isPlain = name.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d
                || $0 == 0x5f
        }
        guard isPlain, (1...64).contains(name.utf8.count) else {
            throw CommandFailure(.usage, "a key's name is 1 to 64 letters, digits, '-' and '_', not '\(name)'")
        }
        return "\(folder)/keys/\(name).key"
    }

    func load(_ name: String) throws -> SecretKey {
        do throws(KeyFileError) {
            return try SecretKey.load(from: try pathOrFail(name))
        } catch {
            guard error.code == .notFound else { throw error }
            throw CommandFailure(
                .notFound, "there is no key '\(name)' in \(folder)/keys", hint: "`vinculum account list` shows them")
        }
    }

    private func pathOrFail(_ name: String) throws(KeyFileError) -> String {
        // A name that is no file's name cannot be found either; `load` says so.
        (try? path(name)) ?? "\(folder)/keys/"
    }

    func names() -> [String] {
        guard let directory = opendir("\(folder)/keys") else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".key") { names.append(String(name.dropLast(4))) }
        }
        return names.sorted()
    }

    /// An account by the name of a key here, or by its text.
    func account(_ text: String) throws -> AccountID {
        if let account = try? AccountID(text: text) { return account }
        return AccountID(try load(text).publicKey)
    }
}

struct AccountNew: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Make a key and print its account.",
        discussion: HelpText(
            why: "The key is random; nothing is sent. Whoever has the file has the account: keep a copy.",
            examples: [("vinculum account new alice", "makes keys/alice.key")],
            limits: "Never overwrites a key.", exits: [.ok, .failed, .usage, .exists]
        ).text)

    @Argument(help: "The key's name.") var name: String
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let path = try KeyStore(folder: folder.folder).path(name)
        try DurableFile.makeFolder("\(folder.folder)/keys", mode: 0o700)
        let key = SecretKey.generate()
        try key.save(to: path)
        let account = AccountID(key.publicKey)
        output.emit(
            "account-new",
            CBORMap([("name", .text(name)), ("account", .text(account.text)), ("file", .text(path))])
        ) { _ in "\(account.text)\nkey in \(path)" }
        return .ok
    }
}

struct AccountShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show an account's balance and sequences, as the node knows them.",
        discussion: HelpText(
            why: "The node's word; for proof use `vinculum proof get --account`.",
            examples: [
                ("vinculum account show main", "by the name of a key"), ("vinculum account show did:key:z…", "by id"),
            ],
            exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Argument(help: "The name of a key in the folder, or an account.") var account: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let id = try KeyStore(folder: node.folder.folder).account(account)
        let view = try await node.client().account(id)
        output.emit("account", view.wire) { style in
            var facts = FactList()
            facts.add("account", view.id.text)
            facts.add("balance", "\(view.balance)" + (view.exists ? "" : style.dim(" (not on the ledger yet)")))
            for (lane, sequence) in view.nextSequences.sorted(by: { $0.key < $1.key }) {
                facts.add("next sequence", "\(sequence) in lane \(lane)")
            }
            if view.authorisation != nil { facts.add("authorisation", "rotated or shared") }
            facts.add("at height", "\(view.height)")
            return facts.text(style)
        }
        return .ok
    }
}

struct AccountList: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys of the folder.",
        discussion: HelpText(
            why: "Shows names and accounts; needs no node.", examples: [("vinculum account list", "all keys")],
            exits: [.ok, .failed, .usage]
        ).text)

    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let store = KeyStore(folder: folder.folder)
        var table = Table("NAME", "ACCOUNT")
        var items: [CBORValue] = []
        for name in store.names() {
            let account = AccountID(try store.load(name).publicKey).text
            table.add(name, account)
            items.append(.map(CBORMap([("name", .text(name)), ("account", .text(account))])))
        }
        output.emit("accounts", CBORMap([("accounts", .array(items))])) { style in
            items.isEmpty
                ? "no keys in \(folder.folder)/keys; make one with `vinculum account new NAME`" : table.text(style)
        }
        return .ok
    }
}

struct AccountAddress: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "address", abstract: "Print the account of a key, and nothing else.",
        discussion: HelpText(
            why: "For scripts and for sending to somebody.",
            examples: [("vinculum account address main", "its did:key")],
            exits: [.ok, .usage, .notFound]
        ).text)

    @Argument(help: "The name of a key in the folder.") var name: String
    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let account = AccountID(try KeyStore(folder: folder.folder).load(name).publicKey)
        output.emit("account-address", CBORMap([("name", .text(name)), ("account", .text(account.text))])) { _ in
            account.text
        }
        return .ok
    }
}
