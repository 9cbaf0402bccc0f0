import Ledger
import LedgerSupport
import Logging
import Primitives
import Storage
import TestSupport
import Tokens

@testable import Node

/// The engine of a node that follows: it proposes nothing and signs nothing.
struct Bystander: ConsensusEngine {
    let id = "one-validator"
    mutating func step(_ event: ConsensusEvent) -> [ConsensusEffect] { [] }
    func snapshot() -> [UInt8] { [] }
}

/// A node with the real kernel, ledger and disk in a folder of its own, and an engine of one validator.
struct TestNode: Sendable {
    let runtime: NodeRuntime
    let genesis: Genesis
    let folder: String

    static let validator = LedgerHarness.key(0)
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Ten accounts with 1,000 tokens each.
    static func genesis(name: String = "test", validator: SecretKey = TestNode.validator) throws -> Genesis {
        let allocations = (1...10).map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000)) }
        return Genesis(
            name: name, timeMilliseconds: 1_700_000_000_000, engine: "one-validator",
            validators: ValidatorSet(solo: validator.publicKey),
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())]))
    }

    static func configuration(_ folder: String, _ text: String = "") throws -> NodeConfiguration {
        NodeConfiguration(
            resolved: try ResolvedConfiguration(
                schema: NodeConfiguration.schema, text: text, file: "node.toml"), baseFolder: folder)
    }

    /// Starts the node, or starts it again over what a folder holds.
    init(
        in folder: String, genesis: Genesis? = nil, validator: SecretKey = TestNode.validator,
        configuration text: String = "[ledger]\ndurability = \"normal\"",
        engine: (@Sendable (CID) -> any ConsensusEngine)? = nil, revival: EngineRevival? = nil, follows: Bool = false,
        joining: StateJoin.Settings = StateJoin.Settings(), chunkByteCount: Int = 1 << 20,
        outbox: ConsensusOutbox? = nil
    ) async throws {
        let genesis = try genesis ?? TestNode.genesis(validator: validator)
        let configuration = try Self.configuration(folder, text)
        let signal = CommitSignal()
        try DurableFile.makeFolder(folder)
        let network = try configuration.network()
        try await NodeRuntime.join(
            network, genesis: genesis, path: "\(folder)/ledger.sqlite", logger: Self.quiet, settings: joining)
        let kernel = try await SerialThread(name: "kernel") {
            let archive = try LedgerArchive.open(
                path: "\(folder)/ledger.sqlite", chain: genesis.chain, durability: .normal)
            archive.snapshotPolicy.blockCount = configuration.snapshotEveryBlocks
            archive.snapshotPolicy.chunkByteCount = chunkByteCount
            let kernel = try NodeRuntime.kernel(
                genesis, archive,
                engine?(genesis.chain) ?? Self.engine(genesis.chain, follows: follows),
                key: follows ? nil : validator, configuration)
            var host = KernelHost(
                kernel: kernel, archive: archive, key: follows ? nil : validator, signal: signal, logger: Self.quiet,
                keepBlocks: configuration.keepBlocks, revival: revival, checkpoint: network.checkpoint,
                outbox: outbox)
            host.start()
            return host
        }
        let objects = try ObjectStore(folder: "\(folder)/objects")
        let running = try await NodeRuntime.startNetwork(
            network,
            ChainAccess(
                kernel: kernel, signal: signal, genesis: genesis,
                ownKey: follows ? SecretKey.generate().publicKey : validator.publicKey,
                databasePath: "\(folder)/ledger.sqlite"), objects, Self.quiet,
            outbox.map { ConsensusParty(key: validator, outbox: $0) })
        runtime = NodeRuntime(
            configuration: configuration, genesisBytes: genesis.encoded(), chain: genesis.chain, kernel: kernel,
            signal: signal, objects: objects, logger: Self.quiet,
            validatorKey: validator.publicKey, aggregatorKey: nil, network: running)
        self.genesis = genesis
        self.folder = folder
    }

    private static func engine(_ chain: CID, follows: Bool) -> any ConsensusEngine {
        if follows { return Bystander() }
        return OneValidator(chain: chain)
    }

    func stop() async {
        await runtime.network?.stop()
        await runtime.kernel.stop()
    }

    static func transfer(
        _ chain: CID, from: UInt64 = 1, to: UInt64 = 2, amount: Amount = Amount(tokens: 1), sequence: UInt64
    ) -> Transaction {
        Transaction(
            TransactionBody(
                chain: chain, account: LedgerHarness.account(from), lane: 0, sequence: sequence,
                validUntilHeight: 1_000, payer: nil, feeLimit: Amount(baseUnits: 1_000_000_000_000_000),
                module: "tokens",
                call: ActionCall("transfer", Transfer(to: LedgerHarness.account(to), amount: amount))),
            signedBy: [LedgerHarness.key(from)])
    }

    /// Makes a block of one transfer and waits for it.
    @discardableResult
    func block(from: UInt64 = 1, to: UInt64 = 2, sequence: UInt64) async throws -> TransactionReceipt? {
        let outcome = try await runtime.submit(
            Self.transfer(genesis.chain, from: from, to: to, sequence: sequence).encoded)
        let receipt = try await runtime.receipt(of: outcome.id, waitingAtMost: .seconds(10))
        try await runtime.kernel.perform { try Supply.checkConservation($0.state()) }
        return receipt
    }
}
