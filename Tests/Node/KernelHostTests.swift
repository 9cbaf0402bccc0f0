import Glibc
import Ledger
import Logging
import Primitives
import Storage
import TestSupport
import Testing
import Tokens

@testable import Node

/// One validator that proposes at once, as consensus-solo does without its interval.
private struct ImmediateEngine: ConsensusEngine {
    let id = "immediate"
    let chain: CID
    /// Transactions that have to wait before a block is proposed.
    var batch: UInt64 = 1
    private var height: UInt64 = 0
    private var isBusy = false
    private var key: PublicKey?

    init(chain: CID, batch: UInt64) { (self.chain, self.batch) = (chain, batch) }

    mutating func step(_ event: Ledger.ConsensusEvent) throws(ConsensusFault) -> [Ledger.ConsensusEffect] {
        switch event.kind {
        case .start(let height, _, _, _, let key, _, _):
            (self.height, self.key) = (height, key)
            return []
        case .transactions(let count, _): return propose(count, event.timeMilliseconds)
        case .proposalBuilt(let height, let round, let headerID?, _):
            return [
                .persist([1]),
                .signVote(Vote(chain: chain, height: height, round: round, step: .commit, headerID: headerID)),
            ]
        case .voteSigned(let vote, let signature?):
            guard let key else { return [] }
            let signed = SignedBy(key: key, signature: signature)
            return [.decide(height: vote.height, round: vote.round, headerID: vote.headerID, signatures: [signed])]
        case .committed(let height, _, _, _, let waiting, _):
            (self.height, isBusy) = (height, false)
            return propose(waiting, event.timeMilliseconds)
        default: return []
        }
    }

    private mutating func propose(_ waiting: UInt64, _ time: UInt64) -> [Ledger.ConsensusEffect] {
        guard waiting >= batch, !isBusy else { return [] }
        isBusy = true
        return [.propose(height: height + 1, round: 0, timeMilliseconds: time)]
    }

    func snapshot() -> [UInt8] { [] }
}

/// A kernel with a disk, and transfers between four accounts.
private struct HostFixture {
    static let rules = Rules([TokensModule()])
    let genesis: Genesis
    let key = LedgerHarness.key(0)
    var host: KernelHost

    init(path: String, batch: UInt64 = 1) throws {
        let allocations = (UInt64(1)...4).map {
            Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000))
        }
        genesis = Genesis(
            name: "host", timeMilliseconds: 1_700_000_000_000, engine: "immediate",
            validators: ValidatorSet(solo: key.publicKey),
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())]))
        let archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        let configuration = Kernel.Configuration(
            genesis: genesis, rules: Self.rules, beaconSigner: VRFBeaconSigner(key))
        let kernel = try Kernel(configuration, engine: ImmediateEngine(chain: genesis.chain, batch: batch))
        host = KernelHost(
            kernel: kernel, archive: archive, key: key, signal: CommitSignal(), logger: Logger(label: "test"))
        host.start()
    }

    func transfer(from: UInt64, sequence: UInt64, lane: UInt8 = 0) throws -> VerifiedTransaction {
        let body = TransactionBody(
            chain: genesis.chain, account: LedgerHarness.account(from), lane: lane, sequence: sequence,
            validUntilHeight: 1_000_000, feeLimit: Amount(baseUnits: 1_000_000_000_000_000), module: "tokens",
            call: ActionCall("transfer", Transfer(to: LedgerHarness.account(from % 4 + 1), amount: Amount(tokens: 1))))
        return try VerifiedTransaction(verifying: Transaction(body, signedBy: [LedgerHarness.key(from)]))
    }

    /// What must hold after every block: nothing is made or lost.
    mutating func checkSupply() throws {
        let state = host.state()
        let supply = try TokensModule.supply(state)
        #expect(try state.sumOfBalances() == supply.minted.minus(supply.burned))
    }
}

@Suite struct KernelHostTests {
    /// The disk is full at another place each time: within the engine's state, the vote, the block.
    @Test(
        .enabled(if: SmallDisk.isPossible, "only root can mount a small disk"))
    func aFullDiskStopsTheNodeUntilThereIsSpaceAndLosesNothing() throws {
        let disk = try SmallDisk(bytes: 24 << 20)
        let path = disk.path("ledger.db")
        var fixture = try HostFixture(path: path)
        var sequence: UInt64 = 0
        var stalls = 0
        for left in stride(from: 0, through: 96 << 10, by: 8 << 10) {
            disk.fill(leaving: left)
            for _ in 0..<8 {
                fixture.host.admit(try (1...4).map { try fixture.transfer(from: $0, sequence: sequence) })
                sequence += 1
            }
            if fixture.host.trouble != nil {
                stalls += 1
                #expect(fixture.host.nextDeadline != nil)
                #expect(fixture.host.kernel.mempool.count > 0)
                let height = try #require(try fixture.host.archive.database.lastHeight())
                #expect(fixture.host.kernel.head.height <= height + 1)
                try fixture.checkSupply()
            }
            disk.free()
            let limit = ContinuousClock.now + .seconds(20)
            while fixture.host.kernel.mempool.count > 0, .now < limit {
                usleep(20_000)
                fixture.host.settle()
            }
            #expect(fixture.host.trouble == nil)
            for account in UInt64(1)...4 {
                let next = try fixture.host.state().account(LedgerHarness.account(account)).sequences[0]
                #expect(next == sequence, "\(left) bytes left")
            }
            try fixture.checkSupply()
        }
        #expect(stalls > 3)
        let root = fixture.host.state().store.root()
        let genesis = fixture.genesis
        let restored = try #require(try fixture.host.archive.restore(genesis: genesis, rules: HostFixture.rules))
        #expect(restored.state.store.root() == root)
        #expect(restored.head == fixture.host.kernel.head)
    }

    @Test func theNextSequenceCountsWhatWaits() throws {
        let folder = try TemporaryFolder()
        var fixture = try HostFixture(path: folder.path("ledger.db"), batch: 6)
        let account = LedgerHarness.account(1)
        func next(_ lane: UInt8) throws -> UInt64? { try AccountView(account, &fixture.host).nextSequences[lane] }
        #expect(try next(0) == nil)
        fixture.host.admit(try (0..<3).map { try fixture.transfer(from: 1, sequence: $0) })
        fixture.host.admit([try fixture.transfer(from: 1, sequence: 0, lane: 5)])
        #expect(fixture.host.kernel.head.height == 0 && fixture.host.kernel.mempool.count == 4)
        #expect(try next(0) == 3)
        #expect(try next(5) == 1)
        #expect(try next(1) == nil)
        // What the answer says can be sent.
        fixture.host.admit(try (3..<5).map { try fixture.transfer(from: 1, sequence: $0) })
        #expect(fixture.host.kernel.head.height == 1 && fixture.host.kernel.mempool.count == 0)
        #expect(try next(0) == 5)
        #expect(try next(5) == 1)
    }
}
