import ArgumentParser
import Node

struct Demo: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train one model over several data owners: private, checked, paid.",
        discussion: HelpText(
            why: """
                Starts a node with its ledger and a process for each site, with keys, data and a policy of its own, all
                on this machine. A job trains a classifier of Fashion-MNIST (Debian package dataset-fashion-mnist). Some
                sites cheat; auditors find out without seeing data. At the end: accuracies, privacy spent, verdicts,
                payments, and a proof of one.
                """,
            examples: [
                ("vinculum demo", "ten sites, thirty rounds, in ./vinculum-demo"),
                ("vinculum demo --attack 3=flip --attack 7=replay", "choose who cheats, and how"),
                ("vinculum demo --sites 3 --rounds 2 --json", "a small run, as a document (schema vinculum/demo/1)"),
                ("vinculum demo --validators 4 --consensus pos", "the same on a ledger that four nodes decide on"),
                ("vinculum demo --resume", "go on after anything was killed at any moment"),
            ],
            limits: "The seed decides the split of the data, the first model and who cheats; never noise or keys. "
                + "\(DemoData.folderVariable) names another folder with the four files of Fashion-MNIST; without them "
                + "the demo takes the digits that are installed with it.",
            exits: [.ok, .failed, .usage]
        ).text)

    @Option(help: "How many sites there are, 3 to 20.") var sites: Int?
    @Option(help: "How many rounds are trained, 1 to 100.") var rounds: Int?
    @Option(help: "Decides the split of the data, the first model and who cheats.") var seed: UInt64?
    @Option(help: ArgumentHelp("The folder to run in; new or empty.", valueName: "folder"))
    var dir = "./vinculum-demo"
    @Option(
        help: ArgumentHelp(
            "Who cheats: none, drawn (by the seed), or SITE=KIND, as often as wanted; KIND: noise, replay or flip.",
            valueName: "site=kind"))
    var attack: [String] = []
    @Option(help: "How many nodes decide on blocks, 1 to 7.") var validators: Int?
    @Option(
        help: ArgumentHelp(
            "Who orders the blocks: solo, pos or poc; pos where there are several validators.", valueName: "engine"))
    var consensus: ChainConsensus?
    @Flag(help: "Go on with the run in the folder, wherever it was stopped.") var resume = false
    @OptionGroup var output: OutputOptions

    static let defaultSites = 10
    static let defaultRounds = 30
    /// A seed that draws one site of each kind of cheat.
    static let defaultSeed: UInt64 = 18

    func execute() async throws -> ExitStatus {
        let options: DemoOptions
        do throws(DemoOptions.Misuse) {
            options = try DemoOptions(
                sites: sites ?? Self.defaultSites, rounds: rounds ?? Self.defaultRounds,
                seed: seed ?? Self.defaultSeed, attacks: attack, validators: validators ?? 1,
                consensus: consensus ?? ((validators ?? 1) > 1 ? .pos : .solo))
        } catch {
            throw CommandFailure(.usage, error.description, hint: "`vinculum demo --help` has examples")
        }
        let folder = DemoFolder(root: absolutePath(dir, from: currentFolder))
        guard folder.nodeSocket.utf8.count <= 107 else {
            throw CommandFailure(
                .usage, "the folder's path is too long for a Unix socket in it: \(folder.root)",
                hint: "give a shorter one with --dir")
        }
        let console = DemoConsole(noColour: output.noColor)
        do {
            let tools = try Installation.current()
            let marker = try prepared(folder, tools, options, console)
            let report = try await DemoRun(folder: folder, tools: tools, marker: marker, console: console).run()
            let document = try DemoMarker.json(report)
            try DurableFile.replace(folder.report, with: document)
            if let tasks = marker.taskFolder { DurableFile.removeTree(tasks) }
            let text = output.json ? String(decoding: document, as: UTF8.self) : table(report)
            Console.write(text, to: .output, newline: false)
            return report.isGood ? .ok : .failed
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(
                .failed, "\(error)", hint: "`vinculum demo --resume --dir \(dir)` goes on from where it stopped")
        }
    }

    private func table(_ report: DemoReport) -> String { DemoTable(report: report, style: output.style).text }

    /// The prepared folder: made now, or found.
    private func prepared(
        _ folder: DemoFolder, _ tools: Installation, _ options: DemoOptions, _ console: DemoConsole
    ) throws -> DemoMarker {
        if !resume, !folder.isEmpty {
            throw CommandFailure(
                .usage, "\(dir) is not empty", hint: "give --resume to go on with the run in it, or another --dir")
        }
        if let marker = try DemoMarker.read(folder) {
            try compare(marker.plan.options, options)
            console.line(console.dim("going on in \(folder.root)"))
            return marker
        }
        guard folder.isEmpty || DurableFile.exists(folder.preparing) else {
            throw CommandFailure(.usage, "\(dir) is not empty and holds no demo; nothing is touched")
        }
        console.line(console.dim("preparing \(options.sites) sites in \(folder.root)"))
        return try DemoPreparation(folder: folder, tools: tools, options: options).run { console.line($0) }
    }

    /// What was asked for again has to be what the folder was prepared for.
    private func compare(_ prepared: DemoOptions, _ asked: DemoOptions) throws {
        func refuse(_ what: String) -> CommandFailure {
            CommandFailure(.usage, "the run in \(dir) has \(what)", hint: "--resume alone goes on with it as it is")
        }
        if sites != nil, asked.sites != prepared.sites { throw refuse("\(prepared.sites) sites") }
        if rounds != nil, asked.rounds != prepared.rounds { throw refuse("\(prepared.rounds) rounds") }
        if seed != nil, asked.seed != prepared.seed { throw refuse("seed \(prepared.seed)") }
        if validators != nil, asked.validators != prepared.validators {
            throw refuse("\(prepared.validators) validators")
        }
        if consensus != nil, asked.consensus != prepared.consensus {
            throw refuse("--consensus \(prepared.consensus.rawValue)")
        }
        if !attack.isEmpty, asked.attack != prepared.attack { throw refuse("another --attack") }
    }
}
