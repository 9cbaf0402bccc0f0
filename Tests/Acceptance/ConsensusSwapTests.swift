import Foundation
import TestSupport
import Testing

/// A running network of four nodes changes what orders its blocks, again and again, while transfers go on.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct ConsensusSwapTests {
    @Test(
        "solo, stake, contribution, etcd and stake, under load and with restarts: no transfer is lost or doubled",
        .enabled(if: EtcdCluster.isThere, Comment(rawValue: EtcdCluster.missing)))
    func underLoad() throws {
        let cluster = try EtcdCluster()
        try cluster.start()
        let network = try ValidatorNetwork(
            count: 4, engine: "solo", more: ["--swap", "operator"],
            options: cluster.endpoints.flatMap { ["--etcd-endpoint", $0] })
        defer { network.stop() }
        for index in 0..<4 { try network.start(index) }
        try network.pay(times: 2, through: 0)
        // Planned, and called off.
        for arguments in [["swap", "pos", "--at", "+50"], ["cancel"]] {
            let answer = RunningNode.document(try network.run(["consensus"] + arguments + ["--json"], on: 3))
            #expect(answer["schema"] as? String == "vinculum/receipt/1", "\(answer)")
        }
        let shown = RunningNode.document(try network.run(["consensus", "show", "--json"], on: 3))
        #expect(shown["schema"] as? String == "vinculum/consensus/1" && shown["planned"] is NSNull, "\(shown)")
        #expect(shown["decides"] as? String == "operators")
        let load = try network.load(through: [0, 3])
        defer { load.stop() }
        var swaps: [(engine: String, height: Int)] = []
        for engine in ["pos", "poc", "etcd", "pos"] {
            let height = try network.height(0) + 12
            let swap = ["consensus", "swap", engine, "--at", "\(height)"]
            try network.run(swap, on: 3)
            swaps.append((engine, height))
            // A restart between the decision and the height, and a crash right after it.
            if engine == "poc" {
                network.kill(1)
                try network.start(1)
            }
            try network.expect(height: height + 2, on: 0..<4)
            if engine == "pos" {
                network.kill(2)
                try network.start(2)
            }
            for index in 0..<4 { #expect(try network.engine(index) == "org.vinculum.consensus-\(engine)") }
        }
        load.stop()
        let sent = try load.accepted()
        #expect(sent > 20, "only \(sent) transfers were sent")
        try network.pay(times: 1, through: 3)
        try network.expectSameChain(0..<4)
        #expect(try network.received() == sent + 3)
        // Each block names the engine that the ledger had put in charge of its height.
        for (engine, height) in swaps {
            #expect(try network.engine(ofBlock: height) == "org.vinculum.consensus-\(engine)")
            #expect(try network.engine(ofBlock: height - 1) != network.engine(ofBlock: height))
        }
    }

    @Test(
        "a node that has not the plugin says so before the height, follows without a vote, and goes on when it has it")
    func missingPlugin() throws {
        let network = try ValidatorNetwork(count: 4, engine: "solo", more: ["--swap", "operator"])
        defer { network.stop() }
        for index in 0..<3 { try network.start(index) }
        let bare = try PluginShelf(without: "consensus-pos")
        try network.start(3, prefix: bare.prefix)
        let height = 6
        try network.run(["consensus", "swap", "pos", "--at", "\(height)"], on: 0)
        try wait { try network.height(3) >= 1 }
        let warned = try network.trouble(3)
        #expect(warned.contains("consensus-pos") && warned.contains("height \(height)"), "\(warned)")
        #expect(try network.trouble(0) == "")
        try network.pay(times: height + 2, through: 0)
        let head = try network.height(0)
        try wait { try network.height(3) == head }
        #expect(try network.trouble(3).contains("has no vote"))
        try bare.enable()
        try wait { try network.trouble(3) == "" }
        // Its vote is needed now.
        network.kill(1)
        try network.pay(times: 2, through: 3)
    }

    /// `vinculum wait` refuses a node that is not well.
    private func wait(until holds: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try !holds(), ContinuousClock.now < deadline { usleep(200_000) }
        #expect(try holds())
    }

    @Test("validators decide together where the genesis says so, and one alone cannot")
    func byValidators() throws {
        let network = try ValidatorNetwork(count: 4, engine: "pos", more: ["--swap", "validators"])
        defer { network.stop() }
        for index in 0..<4 { try network.start(index) }
        let shown = RunningNode.document(try network.run(["consensus", "show", "--json"], on: 0))
        #expect(shown["decides"] as? String == "validators" && shown["planned"] is NSNull, "\(shown)")
        for index in 0..<4 { try network.giveFees(to: index) }
        let height = try network.height(0) + 10
        let swap = ["consensus", "swap", "poc", "--at", "\(height)", "--from", "node"]
        for index in 0..<2 { try network.run(swap, on: index) }
        #expect(RunningNode.document(try network.run(["consensus", "show", "--json"], on: 0))["planned"] is NSNull)
        try network.run(swap, on: 2)
        let planned = RunningNode.document(try network.run(["consensus", "show", "--json"], on: 2))["planned"]
        #expect((planned as? [String: Any])?["height"] as? Int == height, "\(String(describing: planned))")
        try network.pay(times: height - (try network.height(0)) + 1, through: 1)
        #expect(try network.engine(ofBlock: height) == "org.vinculum.consensus-poc")
    }
}
