import Foundation
import TestSupport
import Testing

/// Four validators in processes of their own, as their operators set them up: they decide together, and go on or wait
/// when some of them are gone.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct ValidatorNetworkTests {
    @Test(
        "four validators decide together, one may die at any moment, two stop the chain and their return starts it",
        arguments: ["pos", "poc"])
    func decideAndSurvive(engine: String) throws {
        let network = try ValidatorNetwork(count: 4, engine: engine)
        defer { network.stop() }
        for index in 0..<4 { try network.start(index) }
        try network.pay(times: 3, through: 1)
        try network.expectSameChain(0..<4)

        network.kill(3)
        try network.pay(times: 3, through: 0)
        try network.start(3)
        try network.pay(times: 1, through: 3)
        try network.expectSameChain(0..<4)

        network.kill(1)
        network.kill(2)
        let before = try network.height(0)
        // Nobody can decide; what was sent waits.
        let stuck = try network.transfer(through: 0, "--timeout", "2")
        #expect(stuck.status != 0, "two of four decided: \(stuck.output)")
        #expect(try network.height(0) == before && network.height(3) == before)
        try network.start(1)
        try network.start(2)
        try network.pay(times: 1, through: 2)
        try network.expectSameChain(0..<4)
        // Three, three, one, the one that waited, and the last, each once.
        #expect(try network.received() == 9)
    }
}

extension ValidatorNetworkTests {
    @Test("validators with stake decide together, and are all elected")
    func withStake() throws {
        let network = try ValidatorNetwork(count: 4, engine: "pos", more: ["--stake", "100000"])
        defer { network.stop() }
        for index in 0..<4 { try network.start(index) }
        try network.pay(times: 2, through: 2)
        try network.expectSameChain(0..<4)
        let shown = RunningNode.document(try network.run(["stake", "validators", "--json"], on: 3))
        let validators = try #require(shown["validators"] as? [[String: Any]], "\(shown)")
        #expect(validators.count == 4)
        #expect(validators.allSatisfy { $0["standing"] as? String == "active" && $0["stake"] as? String == "100000" })
    }
}
