import BFTEngine
import Glibc
import PluginKit
import Primitives
import Simulator
import Synchronization
import Testing

/// Every scenario of twins, over every order of leaders that the engine's rotation has.
@Suite("Twins, exhaustively")
struct TwinsTests {
    /// Waits of 20 ms in the first round, half as long again in each, three in a round: four rounds take 500 ms.
    private static let parameters = NetworkPlan.shortTimes.merging(["timeout_least_ms": "20"]) { $1 }

    /// Chain ids, one for each order of leaders of the first rounds among four equal validators.
    private func chains(rounds: Int) throws -> [Digest] {
        let keys = (0..<4).map { Bytes32([UInt8](repeating: UInt8($0), count: 32)) ?? .zero }
        let table = try ValidatorTable(keys.map { PluginKit.ConsensusValidator(key: $0, power: 1) }, threshold: 0)
        var seen: Set<[Int]> = []
        var chains: [Digest] = []
        // Finer than the pieces between which the order changes.
        for place in 0..<4_096 as Range<UInt64> {
            let start = place << 52
            let leaders = (0..<rounds).map { table.proposer(height: 1, round: UInt32($0), start: start) }
            guard seen.insert(leaders).inserted else { continue }
            let bytes = withUnsafeBytes(of: start.bigEndian) { Array($0) } + [UInt8](repeating: 7, count: 24)
            chains.append(try #require(Digest(bytes: bytes)))
        }
        return chains
    }

    private func explore(_ engine: String, planted: Bool, rounds: Int, stops: Bool) throws -> [TwinsExploration.Result]
    {
        let factory = planted ? try Libraries.planted(engine) : try Libraries.engine(engine)
        let work = Mutex((waiting: try chains(rounds: rounds), results: [TwinsExploration.Result]()))
        let runs = (0..<2).map { _ in
            {
                while let chain = work.withLock({ $0.waiting.popLast() }) {
                    let exploration = TwinsExploration(
                        rounds: rounds, validators: 4, chain: chain, parameters: Self.parameters, healsAfter: 1_000
                    ) { _ in try LibraryEngine(factory) }
                    let result = exploration.run(stopsAtFinding: stops)
                    work.withLock {
                        $0.results.append(result)
                        if stops, result.firstFinding != nil { $0.waiting = [] }
                    }
                }
            } as @Sendable () -> Void
        }
        try OnThreads.run(runs)
        return work.withLock { $0.results }
    }

    /// The 49,152 scenarios of three rounds and the 1,048,576 of four take minutes: with VINCULUM_LONG_TESTS.
    private static let mostRounds = getenv("VINCULUM_LONG_TESTS") == nil ? 2 : 4

    @Test("four validators, one twinned, up to four rounds: agreement holds", arguments: 1...mostRounds)
    func agreement(rounds: Int) throws {
        let results = try explore("consensus-pos", planted: false, rounds: rounds, stops: false)
        let scenarios = results.reduce(0) { $0 + $1.scenarios }
        let runs = results.reduce(0) { $0 + $1.runs }
        let steps = results.reduce(0) { $0 + $1.steps }
        print(
            "twins, \(rounds) rounds: \(results.count) orders of leaders, \(scenarios) scenarios,",
            "\(runs) runs, \(steps) steps")
        var all = results.count
        for _ in 0..<rounds { all *= 16 }
        #expect(scenarios == all)
        let broken = results.compactMap(\.firstFinding)
        #expect(broken == [])
    }

    @Test("a quorum that is off by one does not stand it")
    func quorumOffByOne() throws {
        let results = try explore("quorum-off-by-one", planted: true, rounds: 2, stops: true)
        let broken = results.compactMap(\.firstFinding)
        print("twins, quorum off by one: \(broken)")
        #expect(broken.contains { $0.contains("decides height") || $0.contains("two blocks") })
    }
}
