import Foundation
import TestSupport
import Testing

/// Validators in processes of their own whose blocks a real etcd cluster orders.
@Suite(.enabled(if: StagedProgram.isThere && EtcdCluster.isThere, Comment(rawValue: EtcdCluster.missing)), .serialized)
struct EtcdNetworkTests {
    private static func options(_ cluster: EtcdCluster) -> [String] {
        cluster.endpoints.flatMap { ["--etcd-endpoint", $0] }
    }

    private func health(_ network: ValidatorNetwork, _ index: Int) throws -> String {
        // Unhealthy is an exit status of its own, and no failure of the command.
        try network.result(["status", "--json"], on: index).output
    }

    /// Waits until the node's own words say so.
    private func wait(_ network: ValidatorNetwork, _ index: Int, saying fits: (String) -> Bool) throws {
        var words = ""
        for _ in 0..<100 {
            words = try health(network, index)
            if fits(words) { return }
            usleep(200_000)
        }
        Issue.record("the status never says so: \(words)")
    }

    @Test("decide together, survive a node and a member, stop without a majority of members, and go on with it")
    func decideAndSurvive() throws {
        let cluster = try EtcdCluster()
        try cluster.start()
        let network = try ValidatorNetwork(count: 3, engine: "etcd", options: Self.options(cluster))
        defer { network.stop() }
        for index in 0..<3 { try network.start(index) }
        try network.pay(times: 3, through: 1)
        try network.expectSameChain(0..<3)

        network.kill(2)
        try network.pay(times: 3, through: 0)
        try network.start(2)
        try network.pay(times: 1, through: 2)
        cluster.kill(0)
        try network.pay(times: 3, through: 1)
        try network.expectSameChain(0..<3)

        cluster.kill(1)
        let before = try network.height(0)
        let stuck = try network.transfer(through: 0, "--timeout", "3")
        #expect(stuck.status != 0, "one member of three orders blocks: \(stuck.output)")
        #expect(try network.height(0) == before && network.height(2) == before)
        try wait(network, 0) { $0.contains("etcd at http") }
        try cluster.start(1)
        try cluster.awaitHealth(1)
        try network.pay(times: 1, through: 2)
        try network.expectSameChain(0..<3)
        try wait(network, 0) { !$0.contains("etcd at http") }
        // Three, three, one, three, the one that waited, and the last, each once.
        #expect(try network.received() == 12)
    }

    @Test("a cluster that is wiped or set back stops nobody for good, and forks nothing")
    func wipedAndRestored() throws {
        let cluster = try EtcdCluster()
        try cluster.start()
        let network = try ValidatorNetwork(count: 3, engine: "etcd", options: Self.options(cluster))
        defer { network.stop() }
        for index in 0..<3 { try network.start(index) }
        try network.pay(times: 2, through: 0)
        cluster.stop()
        try cluster.copyData(to: "backup")
        try cluster.start()
        try network.pay(times: 3, through: 1)
        cluster.stop()
        try cluster.copyData(to: "backup", back: true)
        try cluster.start()
        try network.pay(times: 2, through: 2)
        cluster.wipe()
        try cluster.start()
        try network.pay(times: 2, through: 0)
        try network.expectSameChain(0..<3)
        #expect(try network.received() == 9)
    }

    @Test("with certificates and a password, and what is wrong with them in the node's own words")
    func secured() throws {
        let cluster = try EtcdCluster(tls: true)
        try cluster.start()
        try cluster.requirePasswords("right", prefix: "vinculum/")
        let good = try cluster.folder.write("password", "right\n")
        let bad = try cluster.folder.write("bad-password", "wrong\n")
        func options(_ password: String, _ authority: String) -> [String] {
            Self.options(cluster) + [
                "--etcd-ca", authority, "--etcd-certificate", cluster.certificate, "--etcd-key",
                cluster.certificateKey, "--etcd-user", "vinculum", "--etcd-password-file", password,
            ]
        }
        let network = try ValidatorNetwork(count: 1, engine: "etcd", options: options(good, cluster.authority))
        try network.start(0)
        try network.pay(times: 2, through: 0)
        network.stop()

        let other = cluster.folder.path("other-ca.pem")
        for (options, word) in [
            (options(bad, cluster.authority), "refuses user or password"), (options(good, other), "TLS with"),
            (["--etcd-endpoint", "http://127.0.0.1:1"], "is not reached"), ([], "no etcd endpoint is configured"),
        ] {
            let network = try ValidatorNetwork(count: 1, engine: "etcd", options: options)
            defer { network.stop() }
            try network.launch(0)
            try wait(network, 0) { $0.contains(word) }
        }
    }

    @Test("the plugin keeps the rules of its interface, and says which are not for it")
    func conformance() throws {
        let result = try StagedProgram.command(["plugin", "check", "consensus-etcd", "--json"]).run()
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        let document = RunningNode.document(result.output)
        let rows = try #require(document["results"] as? [[String: String]], "\(result.output)")
        let skipped = Set(rows.filter { $0["outcome"] == "skipped" }.compactMap { $0["rule"] })
        #expect(skipped == ["symbols", "conformance", "determinism", "conformance-digest"], "\(result.output)")
        #expect(rows.filter { $0["outcome"] == "skipped" }.allSatisfy { $0["reason"]?.isEmpty == false })
        #expect(rows.contains { $0["rule"] == "fuzz" && $0["outcome"] == "passed" })
    }
}
