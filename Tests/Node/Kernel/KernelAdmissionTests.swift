import Ledger
import Logging
import Primitives
import Storage
import TestSupport
import Testing
import Tokens

@testable import Node

/// What becomes of transactions that come again, too early, in too great number, or after the end.
@Suite struct KernelAdmissionTests {
    /// A host whose engine makes a block once `batch` transactions wait.
    private func host(
        _ folder: TemporaryFolder, batch: UInt64, _ change: (inout Kernel.Configuration) -> Void = { _ in }
    )
        throws -> (KernelHost, CID)
    {
        let genesis = try TestNode.genesis()
        var configuration = Kernel.Configuration(
            genesis: genesis, rules: Rules([TokensModule()]), beaconSigner: VRFBeaconSigner(TestNode.validator))
        change(&configuration)
        let kernel = try Kernel(configuration, engine: OneValidator(chain: genesis.chain, batch: batch))
        var host = KernelHost(
            kernel: kernel, archive: try LedgerArchive.open(path: folder.path("ledger.db"), chain: genesis.chain),
            key: TestNode.validator, signal: CommitSignal(), logger: TestNode.quiet)
        host.start()
        return (host, genesis.chain)
    }

    private func transfer(_ chain: CID, _ sequence: UInt64) throws -> VerifiedTransaction {
        try VerifiedTransaction(verifying: TestNode.transfer(chain, sequence: sequence))
    }

    @Test func aTransactionThatIsTakenLaterIsNotSaidToBeRefused() throws {
        let folder = try TemporaryFolder()
        var (host, chain) = try host(folder, batch: 4)
        let early = try transfer(chain, 1)
        try host.admit([early])
        #expect(host.refusal(of: early.id)?.code == .sequenceTooFarAhead)
        try host.admit([try transfer(chain, 0), early])
        #expect(host.refusal(of: early.id) == nil && host.kernel.mempool.contains(early.id))
        // Sent again while it waits.
        try host.admit([early])
        #expect(host.refusal(of: early.id) == nil && host.kernel.mempool.contains(early.id))
    }

    @Test func aTransactionThatIsSentAgainIsPendingOrDecided() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root, engine: { OneValidator(chain: $0, batch: 2) })
        let first = TestNode.transfer(node.genesis.chain, sequence: 0)
        for _ in 0..<2 {
            #expect(try await node.runtime.submit(first.encoded) == .pending(id: first.id))
            #expect(try await node.runtime.receipt(of: first.id, waitingAtMost: .zero) == nil)
        }
        try await node.block(sequence: 1)
        let receipt = try await node.runtime.receipt(of: first.id, waitingAtMost: .seconds(5))
        #expect(receipt?.succeeded == true)
        let again = try await node.runtime.submit(first.encoded)
        #expect(again == receipt.map { .decided($0) })
        await node.stop()
    }

    @Test func aFullPoolIsBusy() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(
            in: folder.root, configuration: "[mempool]\nlimit_bytes = 1048576\nper_account = 4096",
            engine: { OneValidator(chain: $0, batch: .max) })
        var refusal: ServiceError?
        for sequence in UInt64(0)... {
            do throws(ServiceError) {
                _ = try await node.runtime.submit(
                    TestNode.transfer(node.genesis.chain, from: sequence % 10 + 1, sequence: sequence / 10).encoded)
            } catch {
                refusal = error
                break
            }
        }
        #expect(refusal?.code == .busy && refusal?.resultCode == ResultCode.mempoolFull.rawValue)
        await node.stop()
    }

    /// Rules that this program does not have come into force at height 2.
    @Test func theLastBlockIsAcknowledgedBeforeTheKernelStops() async throws {
        let folder = try TemporaryFolder()
        let known = try TestNode.genesis()
        let genesis = Genesis(
            name: "future", timeMilliseconds: known.timeMilliseconds, engine: known.engine,
            validators: known.validators,
            rules: [RulesActivation(version: 1, height: 0), RulesActivation(version: 2, height: 2)],
            sections: known.sections)
        let node = try await TestNode(in: folder.root, genesis: genesis)
        let receipt = try await node.block(sequence: 0)
        #expect(receipt?.height == 1)
        let health = try await node.runtime.health()
        #expect(!health.healthy && health.findings.contains { $0.detail.contains("upgrade") })
        await #expect(throws: ServiceError(.unavailable, "")) {
            try await node.runtime.submit(TestNode.transfer(genesis.chain, sequence: 1).encoded)
        }
        #expect(try await node.runtime.status().height == 1)
        await node.stop()
    }

    @Test func aValidatorKeepsWhatItHasSigned() throws {
        let lax = try TestNode.configuration("/tmp", "[ledger]\ndurability = \"normal\"")
        let error = #expect(throws: ConfigurationError.self) {
            try NodeRuntime.checkDurability(lax, isValidator: true)
        }
        #expect(error?.problems.map(\.key) == ["ledger.durability"] && error?.file == "node.toml")
        try NodeRuntime.checkDurability(lax, isValidator: false)
        try NodeRuntime.checkDurability(try TestNode.configuration("/tmp"), isValidator: true)
    }
}
