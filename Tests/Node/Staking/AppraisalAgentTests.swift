import Ledger
import LedgerSupport
import Primitives
import Reputation
import Staking
import TestSupport
import Testing
import Tokens

@testable import Node

/// Nodes that judge one another's work over one ledger in memory.
@Suite("Node: validators appraise one another") struct AppraisalAgentTests {
    /// Four founders: keys 0 to 3, whose operators are accounts 10 to 13. An epoch is ten seconds.
    private actor Chain {
        var ledger: LedgerHarness

        init() throws {
            var parameters = StakingParameters()
            parameters.epochMilliseconds = 10_000
            parameters.powerRule = .contribution
            parameters.absenceProposals = 0
            let founders = (UInt64(0)..<4).map {
                Founder(
                    operatorAccount: LedgerHarness.account(10 + $0), key: LedgerHarness.key($0).publicKey,
                    stake: Amount(tokens: 100_000))
            }
            let holders = Array(0..<4) + Array(10..<14) as [UInt64]
            let allocations = holders.map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000)) }
            ledger = try LedgerHarness(
                modules: [TokensModule(), ReputationModule(), StakingModule()],
                sections: CBORMap([
                    (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
                    (key: "staking", value: try StakingGenesis(parameters: parameters, founders: founders).section()),
                ]), parameters: LedgerParameters(fees: .free))
        }

        func value(_ path: [UInt8]) -> [UInt8]? { ledger.state.store.get(path) }
        func head() -> (height: UInt64, timeMilliseconds: UInt64) { (ledger.height, ledger.timeMilliseconds) }
        func send(_ number: UInt64, _ module: String, _ call: ActionCall) throws -> ResultCode {
            try ledger.apply(module, call, from: number, afterMilliseconds: 1).code
        }
        func passEpoch() throws { try ledger.block(afterMilliseconds: 10_000) }

        /// As if so many tasks of an operator had been accepted.
        func work(_ number: UInt64, times: Int) throws {
            let account = LedgerHarness.account(number)
            var execution = ledger.state.begin(
                BlockInfo(
                    height: ledger.height + 1, timeMilliseconds: ledger.timeMilliseconds, beacon: .zero,
                    proposer: ledger.proposer))
            let record = try execution.withContext(as: "market", sender: account) { (context) throws(Refusal) in
                for _ in 0..<times { try Scores.note(account, .provider, .taskAccepted, &context) }
                return try Scores.record(account, .provider, &context)
            }
            try ledger.state.store.put(Scores.path(account, .provider).bytes, record.encoded())
        }

        func standing(_ number: UInt64) throws -> UInt64 {
            try value(StakingPaths.standing(LedgerHarness.account(number)).bytes).map { try Standing.decode($0).score }
                ?? 0
        }
    }

    private struct Reader: StateReader {
        let chain: Chain
        func value(at path: [UInt8]) async throws -> [UInt8]? { await chain.value(path) }
        func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
            var values: [[UInt8]?] = []
            for path in paths { values.append(await chain.value(path)) }
            return values
        }
        func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { await chain.head() }
    }

    private struct Sender: TransactionSender {
        let chain: Chain
        let number: UInt64
        /// Dies before anything is sent.
        var isBroken = false
        var account: AccountID { LedgerHarness.account(number) }

        func send(module: String, action: String, body: [UInt8], payer: AccountID?) async throws -> ResultCode {
            if isBroken { throw ServiceError(.unavailable, "gone") }
            return try await chain.send(number, module, ActionCall(action: action, body: body))
        }
    }

    private static func agent(
        _ number: UInt64, _ chain: Chain, _ folder: TemporaryFolder, chosen: [AccountID: UInt64] = [:],
        isBroken: Bool = false
    ) -> AppraisalAgent {
        AppraisalAgent(
            reader: Reader(chain: chain), sender: Sender(chain: chain, number: number, isBroken: isBroken),
            chain: LedgerHarness.chain, key: LedgerHarness.key(number).publicKey,
            file: folder.path("appraisal-\(number)"), chosen: chosen, logger: TestNode.quiet)
    }

    private static func run(_ agents: [AppraisalAgent]) async throws {
        for agent in agents { while try await agent.act() != .nothing {} }
    }

    @Test("work that the ledger knows of comes to stand, by nodes that say so with their own keys")
    func standing() async throws {
        let (chain, folder) = (try Chain(), try TemporaryFolder())
        try await chain.work(11, times: 40)
        let agents = (UInt64(0)..<4).map { Self.agent($0, chain, folder) }
        for _ in 0..<4 {
            try await Self.run(agents)
            try await chain.passEpoch()
        }
        #expect(try await chain.standing(11) > 200_000)
        #expect(try await chain.standing(12) == 0)
    }

    @Test("in one epoch a node commits itself once, and in the next it reveals and commits itself anew")
    func rhythm() async throws {
        let (chain, folder) = (try Chain(), try TemporaryFolder())
        let agent = Self.agent(0, chain, folder)
        #expect(try await agent.act() == .committed)
        #expect(try await agent.act() == .nothing)
        try await chain.passEpoch()
        #expect(try await agent.act() == .revealed)
        #expect(try await agent.act() == .committed)
        #expect(try await agent.act() == .nothing)
        // An epoch without the node: what it was bound to cannot be revealed any more.
        for _ in 0..<2 { try await chain.passEpoch() }
        #expect(try await agent.act() == .committed)
    }

    @Test("a node that dies before or after it has sent goes on with what it was bound to")
    func restart() async throws {
        let (chain, folder) = (try Chain(), try TemporaryFolder())
        await #expect(throws: ServiceError.self) {
            _ = try await Self.agent(0, chain, folder, isBroken: true).act()
        }
        let saved = try SavedAppraisal.decode(try DurableFile.read(folder.path("appraisal-0"), limitBytes: 1 << 20))
        #expect(try await Self.agent(0, chain, folder).act() == .committed)
        #expect(
            try SavedAppraisal.decode(try DurableFile.read(folder.path("appraisal-0"), limitBytes: 1 << 20)) == saved)
        try await chain.passEpoch()
        #expect(try await Self.agent(0, chain, folder).act() == .revealed)
        // Half-written, or another file: the next epoch makes another.
        try DurableFile.replace(folder.path("appraisal-0"), with: [1, 2, 3])
        #expect(try await Self.agent(0, chain, folder).act() == .committed)
    }

    @Test(
        "the operator's own scores go before the ledger's; who is no validator, or none by contribution, says nothing")
    func chosen() async throws {
        let (chain, folder) = (try Chain(), try TemporaryFolder())
        let chosen = [LedgerHarness.account(13): UInt64(700_000)]
        let agents = (UInt64(0)..<3).map { Self.agent($0, chain, folder, chosen: chosen) }
        for _ in 0..<2 {
            try await Self.run(agents)
            try await chain.passEpoch()
        }
        #expect(try await chain.standing(13) == 175_000)
        #expect(try await Self.agent(50, chain, folder).act() == .nothing)
    }

    @Test("scores in the configuration are accounts with a number from 0 to 1, and anything else is named")
    func configuration() throws {
        let account = LedgerHarness.account(1)
        #expect(NodeConfiguration.appraisal("\(account.text)=0.75")?.1 == 750_000)
        #expect(NodeConfiguration.appraisal("\(account.text)=1")?.1 == 1_000_000)
        for wrong in ["\(account.text)=1.1", "\(account.text)", "somebody=0.5", "\(account.text)=-1", "=1"] {
            #expect(NodeConfiguration.appraisal(wrong) == nil, "\(wrong)")
            let configuration = try TestNode.configuration("/", "[staking]\nappraisals = [\"\(wrong)\"]")
            #expect(throws: ConfigurationError.self) { try configuration.checkAppraisals() }
        }
    }
}
