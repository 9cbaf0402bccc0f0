import Consensus
import LedgerSupport
import Primitives
import Storage
import TestSupport
import Testing
import Tokens

@testable import Ledger

/// A chain changes what orders its blocks while it runs. Engines are fixtures of other names; who may decide on a swap
/// is the Consensus module's, and tested there.
@Suite("Ledger: another engine from a height on") struct EngineSwapTests {
    private static func chain(archive: LedgerArchive? = nil) throws -> TestChain {
        try TestChain(genesis: try genesis(), archive: archive)
    }

    private static func genesis() throws -> Genesis {
        let engines = ["solo-fixture", "second", "third"].map { AllowedEngine(engine: $0, quorum: .one) }
        return try TestChain.genesis(
            engines: ConsensusGenesis(
                operators: [LedgerHarness.account(1)], engines: engines,
                validators: [.init(key: TestChain.validator.publicKey), .init(key: LedgerHarness.key(7).publicKey)]))
    }

    private static func call(
        _ chain: TestChain, _ action: ConsensusModule.Action, _ body: some CBORCodable, sequence: UInt64
    ) throws -> VerifiedTransaction {
        let transaction = TransactionBody(
            chain: chain.genesis.chain, account: LedgerHarness.account(1), lane: 3, sequence: sequence,
            validUntilHeight: 1_000, payer: nil, feeLimit: Amount(baseUnits: 1_000_000_000_000_000),
            module: ConsensusPaths.module, call: ActionCall(action.rawValue, body))
        return try VerifiedTransaction(verifying: Transaction(transaction, signedBy: [LedgerHarness.key(1)]))
    }

    private static func swap(_ engine: String, at height: UInt64, to key: SecretKey = TestChain.validator) -> SwapBody {
        SwapBody(height: height, engine: engine, leader: key.publicKey)
    }

    private static func pay(_ chain: inout TestChain, _ sequences: Range<UInt64>) throws {
        for sequence in sequences { try chain.submit([try chain.transfer(from: 3, sequence: sequence)]) }
    }

    @Test("blocks below the height are the old engine's, those from it on the new one's, and nothing is lost")
    func swaps() throws {
        var chain = try Self.chain()
        try chain.submit([try Self.call(chain, .swap, Self.swap("second", at: 4), sequence: 0)])
        #expect(chain.kernel.plannedEngine()?.engine == "second")
        try Self.pay(&chain, 0..<5)
        #expect(
            chain.blocks.map(\.header.engine) == ["solo-fixture", "solo-fixture", "solo-fixture"] + [
                "second", "second", "second",
            ])
        #expect(chain.blocks.allSatisfy { $0.receipts.allSatisfy { $0.code == .ok } })
        #expect(chain.kernel.engineInCharge.engine == "second" && chain.kernel.plannedEngine() == nil)
        #expect(try chain.kernel.committedState().account(LedgerHarness.account(3)).sequences[0] == 5)
    }

    @Test("what waits at the height is decided by the engine that takes over")
    func carriesWhatWaits() throws {
        var chain = try Self.chain()
        try chain.submit([try Self.call(chain, .swap, Self.swap("second", at: 3), sequence: 0)])
        chain.hasAllEngines = false
        try Self.pay(&chain, 0..<4)
        // One block before the height; the others wait for an engine.
        #expect(chain.blocks.count == 2 && chain.kernel.isWithoutEngine && chain.kernel.mempool.count == 3)
        try chain.makeEngine()
        #expect(chain.kernel.mempool.count == 0 && chain.blocks.last?.header.engine == "second")
        #expect(try chain.kernel.committedState().account(LedgerHarness.account(3)).sequences[0] == 4)
    }

    @Test("only the engine in charge is taken")
    func wrongEngine() throws {
        var chain = try Self.chain()
        let engine = SoloFixture(chain: chain.genesis.chain, id: "third")
        let time = chain.time
        #expect(throws: KernelError.self) { try chain.run(.engine(engine, seed: .zero, timeMilliseconds: time)) }
    }

    @Test("a way back, and a swap that is called off or replaced, leave the chain with who is in charge")
    func backAndOff() throws {
        var chain = try Self.chain()
        try chain.submit([try Self.call(chain, .swap, Self.swap("second", at: 3), sequence: 0)])
        try Self.pay(&chain, 0..<1)
        // Block 3: planned, and replaced by another that begins later.
        try chain.submit([try Self.call(chain, .swap, Self.swap("third", at: 6), sequence: 1)])
        try chain.submit([try Self.call(chain, .swap, Self.swap("solo-fixture", at: 8), sequence: 2)])
        try Self.pay(&chain, 1..<5)
        #expect(chain.blocks.last?.header.height == 8)
        #expect(chain.blocks.map(\.header.engine).suffix(3) == ["second", "second", "solo-fixture"])
        try chain.submit([try Self.call(chain, .swap, Self.swap("third", at: 12), sequence: 3)])
        try chain.submit([try Self.call(chain, .cancel, CancelBody(), sequence: 4)])
        try Self.pay(&chain, 5..<9)
        #expect(chain.blocks.last?.header.height == 14 && chain.blocks.last?.header.engine == "solo-fixture")
        #expect(chain.blocks.allSatisfy { $0.receipts.allSatisfy { $0.code == .ok } })
        #expect(chain.kernel.head.validators == ValidatorSet(solo: TestChain.validator.publicKey))
    }

    @Test("the header before the height hands over to the validators that come with the engine")
    func handsOver() throws {
        var chain = try Self.chain()
        let next = LedgerHarness.key(7)
        try chain.submit([try Self.call(chain, .swap, Self.swap("second", at: 3, to: next), sequence: 0)])
        try Self.pay(&chain, 0..<1)
        let set = ValidatorSet(solo: next.publicKey)
        #expect(chain.blocks[1].newValidators == set)
        #expect(chain.blocks[1].header.nextValidatorSetDigest == set.digest)
        #expect(chain.kernel.head.validators == set)
        // Called off in time, the genesis' set stays.
        var other = try Self.chain()
        try other.submit([try Self.call(other, .swap, Self.swap("second", at: 4, to: next), sequence: 0)])
        try other.submit([try Self.call(other, .cancel, CancelBody(), sequence: 1)])
        try Self.pay(&other, 0..<4)
        #expect(other.kernel.head.validators == ValidatorSet(solo: TestChain.validator.publicKey))
        #expect(other.blocks.last?.header.height == 6 && other.blocks.last?.header.engine == "solo-fixture")
    }

    @Test("a node that stops anywhere around the height goes on with the engine in charge", arguments: 1...6)
    func restarts(after count: Int) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("ledger.sqlite")
        let genesis = try Self.genesis()
        var chain = try Self.chain(archive: LedgerArchive.open(path: path, chain: genesis.chain))
        var sequence: UInt64 = 0
        for step in 0..<8 {
            if step == count {
                chain.archive = nil
                chain = try TestChain(
                    genesis: genesis, restoring: LedgerArchive.open(path: path, chain: genesis.chain))
            }
            if step == 1 {
                try chain.submit([try Self.call(chain, .swap, Self.swap("second", at: 5), sequence: 0)])
            } else {
                try Self.pay(&chain, sequence..<sequence + 1)
                sequence += 1
            }
            let engine = step < 4 ? "solo-fixture" : "second"
            #expect(chain.blocks.last?.header.engine == engine && chain.blocks.last?.header.height == UInt64(step + 1))
        }
    }
}
