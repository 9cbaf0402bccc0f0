import Federation
import Ledger
import LedgerSupport
import Primitives
import Privacy
import Testing
import TestSupport

@testable import Node

@Suite("What a site says of its dataset")
struct SiteSetupTests {
    private func setup(_ world: FederationWorld, folder: String, key: UInt64 = 2, name: String = "xrays") throws
        -> SiteSetup
    {
        let policy = try SitePolicy(
            text: SitePolicy.schema.documentedFile(), file: "site.toml", baseFolder: folder,
            flags: ["dataset.name": name])
        let gateway = WorldGateway(world: world)
        return SiteSetup(
            policy: policy, key: LedgerHarness.key(key), state: gateway,
            sender: SignedSender(key: LedgerHarness.key(key), lane: 0, gateway: gateway, feeLimit: .zero),
            verifiers: [Samples.verifier])
    }

    @Test("a site whose folder was emptied comes back to the budget that it has spent, and registers no other")
    func emptiedFolder() async throws {
        let world = try FederationWorld(members: [11, 12, 2], played: [], aggregates: false)
        let (before, after) = (try TemporaryFolder(), try TemporaryFolder())
        let first = try setup(world, folder: before.root)
        try await first.introduce(payer: nil)
        let job = try await world.submitJob()
        try await world.send(
            "accept", AcceptBody(job: job, dataset: first.datasetID, policy: .zero, rounds: 2), from: 2)
        let second = try setup(world, folder: after.root)
        #expect(second.datasetID == first.datasetID)
        try await second.introduce(payer: nil)
        #expect(await world.submitted.count { $0.action == "register" } == 1)
        let gateway = WorldGateway(world: world)
        let known = try #require(
            try await gateway.record(DatasetRecord.self, at: PrivacyPaths.dataset(second.datasetID).bytes))
        #expect(!known.reserved.isZero)
    }

    @Test("another name or another key is another dataset, and the label shows neither")
    func labels() async throws {
        let world = try FederationWorld()
        let folder = try TemporaryFolder()
        let labels = try [
            setup(world, folder: folder.root).label, setup(world, folder: folder.root, name: "xrays2").label,
            setup(world, folder: folder.root, key: 3).label, Digest.blake2b256(Array("xrays".utf8)),
        ]
        #expect(Set(labels).count == 4)
    }
}
