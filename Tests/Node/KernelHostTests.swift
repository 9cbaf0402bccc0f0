import Glibc
import Ledger
import Logging
import Primitives
import Storage
import TestSupport
import Testing
import Tokens

@testable import Node

/// A kernel with a disk, and transfers between four accounts.
private struct HostFixture {
    static let rules = Rules([TokensModule()])
    let genesis: Genesis
    let key = TestNode.validator
    var host: KernelHost

    init(path: String, batch: UInt64 = 1) throws {
        genesis = try TestNode.genesis()
        let archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        let configuration = Kernel.Configuration(
            genesis: genesis, rules: Self.rules, beaconSigner: VRFBeaconSigner(key))
        let kernel = try Kernel(configuration, engine: OneValidator(chain: genesis.chain, batch: batch))
        host = KernelHost(
            kernel: kernel, archive: archive, key: key, signal: CommitSignal(), logger: TestNode.quiet)
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
        try Supply.checkConservation(host.state())
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
