import Ledger
import Node
import Primitives
import Tokens
import Training

/// Makes a demo's folder: keys, data, genesis, configuration.
///
/// Every file is put in place whole, and the marker comes last: a preparation that was killed is begun anew.
struct DemoPreparation: Sendable {
    let folder: DemoFolder
    let tools: Installation
    let options: DemoOptions

    /// - Parameter say: progress, a line each.
    func run(_ say: (String) -> Void) throws -> DemoMarker {
        try DurableFile.makeFolder(folder.root)
        try folder.beginPreparation()
        let plan = DemoPlan(options)
        let data = try DemoData.load(plan, digits: tools.digits)
        if data.task.isFallback {
            say("Fashion-MNIST is not installed (Debian package dataset-fashion-mnist):")
            say("  the small digits set stands in for it, and accuracies say little at this epsilon")
        }
        let keys = try makeKeys(plan)
        let trainer = Digest.blake2b256(try DurableFile.read(tools.trainer, limitBytes: 1 << 30))
        let taskFolder = try folder.makeTaskFolder()
        let configuration = DemoConfiguration(
            folder: folder, tools: tools, plan: plan, task: data.task, requester: keys.requester,
            aggregator: keys.aggregator, taskFolder: taskFolder,
            network: keys.validators.count > 1 ? try DemoNetwork(peers: keys.peers) : nil)

        try writeGenesis(keys)
        try write(configuration.node, to: folder.nodeConfiguration)
        for number in 1...keys.validators.count where number > 1 {
            try write(configuration.validator(number), to: "\(folder.validator(number))/node.toml")
        }
        let sites = try writeSites(plan, data, keys, configuration, trainer)
        let (model, holdout) = try writePublic(data)
        try write(
            configuration.job(members: keys.sites, trainer: trainer, model: model, holdout: holdout), to: folder.job)
        try check()

        let marker = DemoMarker(
            plan: plan, task: data.task, sites: sites, requester: keys.requester.text,
            aggregator: keys.aggregator.text, testRecords: data.test.count, initialModel: model.text,
            holdout: holdout.text, taskFolder: taskFolder)
        try marker.write(folder)
        return marker
    }

    // MARK: Keys and genesis

    private struct Keys {
        /// The demo's own node first.
        var validators: [PublicKey]
        /// The peer ids of the validators' nodes.
        var peers: [String]
        var requester: AccountID
        var aggregator: AccountID
        var sites: [AccountID]
    }

    /// Keys come from the system's random source, never from the seed.
    private func makeKeys(_ plan: DemoPlan) throws -> Keys {
        func make(_ path: String) throws -> PublicKey {
            try DurableFile.makeFolder(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]), mode: 0o700)
            let key = SecretKey.generate()
            try key.save(to: path)
            return key.publicKey
        }
        let places = (1...options.validators).map { $0 == 1 ? folder.node : folder.validator($0) }
        return Keys(
            validators: try places.map { try make("\($0)/keys/node.key") },
            peers: try places.map { NetworkIdentity.peer(of: try make("\($0)/keys/network.key")) },
            requester: AccountID(try make(folder.requesterKey)),
            aggregator: AccountID(try make(folder.aggregatorKey)),
            sites: try plan.sites.map { AccountID(try make(folder.siteKey($0.name))) })
    }

    private func writeGenesis(_ keys: Keys) throws {
        let site = Amount(tokens: DemoConfiguration.siteTokens)
        let allocations =
            [Transfer(to: keys.requester, amount: Amount(tokens: DemoConfiguration.requesterTokens))]
            + keys.sites.map { Transfer(to: $0, amount: site) }
        let genesis = Genesis(
            name: "vinculum-demo", timeMilliseconds: WallClock.milliseconds(), engine: options.consensus.engine,
            validators: try options.consensus.validators(keys.validators),
            sections: CBORMap([(key: TokensModule.name, value: try TokensGenesis(allocations: allocations).section())]))
        try DurableFile.replace(folder.genesis, with: genesis.encoded())
    }

    // MARK: Sites and public data

    private func writeSites(
        _ plan: DemoPlan, _ data: DemoData, _ keys: Keys, _ configuration: DemoConfiguration, _ trainer: Digest
    ) throws -> [DemoMarker.Site] {
        var written: [DemoMarker.Site] = []
        for (index, site) in plan.sites.enumerated() {
            let path = folder.siteData(site.name)
            try DurableFile.makeFolder("\(folder.site(site.name))/data", mode: 0o700)
            try data.stored(index, site.behaviour).safetensors().write(path)
            let total = DemoBudget.epsilonTotal(rounds: site.roundsInBudget, of: options.rounds)
            let band = data.band(index)
            try write(
                configuration.site(site, band: band, epsilonTotal: total, trainer: trainer),
                to: folder.sitePolicy(site.name))
            written.append(
                DemoMarker.Site(
                    account: keys.sites[index].text, records: data.sites[index].count, band: band,
                    epsilonTotal: total))
        }
        return written
    }

    private func writePublic(_ data: DemoData) throws -> (model: CID, holdout: CID) {
        try DurableFile.makeFolder(folder.publicData)
        let model = try data.task.initialModel(seed: options.seed).safetensors().encoded()
        let holdout = try data.holdout.safetensors().encoded()
        try DurableFile.replace(folder.model, with: model)
        try DurableFile.replace(folder.holdout, with: holdout)
        try DurableFile.makeFolder(String(folder.test[..<(folder.test.lastIndex(of: "/") ?? folder.test.endIndex)]))
        try data.test.safetensors().write(folder.test)
        try DurableFile.makeFolder(folder.logs)
        try DurableFile.makeFolder(folder.baselines)
        return (CID.of(raw: model), CID.of(raw: holdout))
    }

    private func write(_ text: String, to path: String) throws {
        try DurableFile.makeFolder(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
        try DurableFile.replace(path, with: Array(text.utf8))
    }

    /// What a process would refuse at its start is refused here, with file and line.
    private func check() throws {
        _ = try JobFile(text: Self.text(folder.job), file: folder.job)
        for site in DemoPlan(options).sites {
            let path = folder.sitePolicy(site.name)
            _ = try SitePolicy(text: Self.text(path), file: path, baseFolder: folder.site(site.name))
        }
        _ = try ResolvedConfiguration(
            schema: NodeConfiguration.schema, text: Self.text(folder.nodeConfiguration),
            file: folder.nodeConfiguration)
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try DurableFile.read(path, limitBytes: 1 << 20), as: UTF8.self)
    }
}
