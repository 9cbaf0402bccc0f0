import Foundation
import Ledger
import LedgerSupport
import PeerNetwork
import Primitives
import TestSupport
import Testing
import Tokens

@testable import Node

/// How long a node takes to join a chain with many accounts over the loopback interface, and what it holds in memory.
///
/// `VINCULUM_MEASURE_ACCOUNTS=1000000 swift test --filter StateJoinMeasurements` prints the figures.
@Suite(.serialized, .enabled(if: MeasuredAccounts.count != nil, "VINCULUM_MEASURE_ACCOUNTS is not set"))
struct StateJoinMeasurements {
    @Test("downloads, checks and installs the state, and starts from it") func join() async throws {
        let count = try #require(MeasuredAccounts.count)
        let folder = try TemporaryFolder()
        var allocations = (1...10).map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000)) }
        for number in 0..<UInt64(max(0, count - 10)) {
            let account = AccountID(kind: .key, payload: .blake2b256(signedBytes(kind: "account", body: number)))
            allocations.append(Transfer(to: account, amount: Amount(tokens: 1)))
        }
        let genesis = Genesis(
            name: "large", timeMilliseconds: 1_700_000_000_000, engine: "one-validator",
            validators: ValidatorSet(solo: TestNode.validator.publicKey),
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())]))
        allocations = []
        let text = "[ledger]\ndurability = \"normal\"\nsnapshot_every_blocks = 10\n"
        let one = try await TestNode(
            in: folder.path("a"), genesis: genesis,
            configuration: text + "[network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n")
        for sequence in 0..<UInt64(11) { try await one.block(sequence: sequence) }
        let source = try SnapshotSource(path: "\(one.folder)/ledger.sqlite", genesis: genesis)
        let manifest = try #require(try source.manifest(height: 10))
        let address = try #require(try await one.runtime.networkStatus().addresses.first)
        let configuration = try TestNode.configuration(
            folder.path("b"),
            text + """
                [network]
                peers = ["\(address)"]
                checkpoint = "10:\(manifest.certified.header.id.hex)"
                """
        ).network()
        try DurableFile.makeFolder(folder.path("b"))
        // Peak memory from here on: the other node, and all that it holds, is in this process too.
        let before = ProcessMemory.resident
        ProcessMemory.forgetPeak()
        let path = folder.path("b/ledger.sqlite")
        let start = ContinuousClock.now
        try await NodeRuntime.join(configuration, genesis: genesis, path: path, logger: TestNode.quiet)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let peak = ProcessMemory.peak - before
        let mebibytes = Double(try DurableFile.read(path).count) / Double(1 << 20)
        let restart = ContinuousClock.now
        let archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        let restored = try #require(try archive.restore(genesis: genesis, rules: Rules(NodeRuntime.modules)))
        let restartSeconds = (ContinuousClock.now - restart) / .seconds(1)
        #expect(restored.head.height == 10 && restored.state.store.count >= count)
        Swift.print(
            "joined \(count) accounts, \(manifest.chunks.count) chunks, \(Int(mebibytes)) MiB: \(seconds) s, "
                + "\(mebibytes / seconds) MiB/s; \(peak >> 20) MiB of memory at most; first start \(restartSeconds) s")
        await one.stop()
    }
}

enum MeasuredAccounts {
    static let count = ProcessInfo.processInfo.environment["VINCULUM_MEASURE_ACCOUNTS"].flatMap { Int($0) }
}
