import PluginHost
import Primitives
import Simulator
import Synchronization
import Testing

/// The libraries that ship, as a node loads them.
@Suite("Engines that ship, under faults")
struct ShippedEngineTests {
    private func findings(_ simulation: Simulation, _ seeds: ClosedRange<UInt64>) throws -> (
        found: [String], counts: FaultCounts, blocks: UInt64
    ) {
        let state = Mutex((found: [String](), counts: FaultCounts(), blocks: UInt64(0), last: UInt64(0)))
        try simulation.run(seeds: seeds, threads: 2) { outcome in
            state.withLock { state in
                if let finding = outcome.finding { state.found.append("seed \(outcome.seed): \(finding)") }
                state.counts.add(outcome.counts)
                state.blocks += outcome.heights
                // In the order of the seeds, whatever thread was faster.
                if outcome.seed <= state.last { state.found.append("seed \(outcome.seed) comes late") }
                state.last = outcome.seed
            }
            return true
        }
        return state.withLock { ($0.found, $0.counts, $0.blocks) }
    }

    @Test("consensus-pos and consensus-poc hold under all faults", arguments: ["consensus-pos", "consensus-poc"])
    func allFaults(name: String) throws {
        let simulation = Libraries.simulation(
            try Libraries.engine(name), faults: Set(Fault.allCases), heights: 20)
        let (found, counts, blocks) = try findings(simulation, 1...150)
        #expect(found == [])
        #expect(blocks > 2_000)
        for fault in Fault.allCases { #expect(counts[fault] > 0, "\(fault.rawValue) was never done") }
    }

    @Test("consensus-solo holds with its one validator") func solo() throws {
        let simulation = Libraries.simulation(
            try Libraries.engine("consensus-solo"), validators: 1, faults: Set(Fault.allCases), heights: 20,
            parameters: [:])
        let (found, counts, _) = try findings(simulation, 1...100)
        #expect(found == [])
        #expect(counts[.crash] > 0 && counts[.fullDisk] > 0 && counts[.tornWrite] > 0)
    }

    @Test("each fault alone is done, and nothing is found", arguments: Fault.allCases)
    func oneFault(fault: Fault) throws {
        let simulation = Libraries.simulation(
            try Libraries.engine("consensus-pos"), faults: [fault], heights: 20)
        let (found, counts, _) = try findings(simulation, 1...12)
        #expect(found == [])
        #expect(counts[fault] > 0)
    }

    @Test("networks of two to thirteen validators", arguments: [2, 3, 5, 7, 13]) func sizes(count: Int) throws {
        let simulation = Libraries.simulation(
            try Libraries.engine("consensus-pos"), validators: count, faults: Set(Fault.allCases), heights: 8)
        #expect(try findings(simulation, 1...20).found == [])
    }

    @Test("an engine that refuses its validators is a finding with its words") func refusal() throws {
        let simulation = Libraries.simulation(
            try Libraries.engine("consensus-solo"), validators: 4, faults: [], heights: 2, parameters: [:])
        let finding = simulation.run(seed: 1).finding
        #expect(finding?.contains("consensus-solo needs one validator") == true, "\(finding ?? "nothing")")
    }

    @Test("the same seed gives the same trace, to the byte") func traces() throws {
        let simulation = Libraries.simulation(
            try Libraries.engine("consensus-pos"), faults: Set(Fault.allCases), heights: 10)
        let texts = ([3, 3, 4] as [UInt64]).map { seed in
            var text = ""
            _ = simulation.run(seed: seed, trace: Trace { text += $0 })
            return text
        }
        #expect(texts[0] == texts[1])
        #expect(texts[0] != texts[2])
        #expect(texts[0].contains(" > sign_vote ") && texts[0].contains(" < block_committed "))
    }
}

@Suite("What evidence an engine still has")
struct EvidenceBoundaryTests {
    private static let chain = Digest.sha256([1])
    private let scheme = SignatureScheme.cheap(count: 4, seed: 1)

    private func vote(_ block: UInt8) throws -> CastVote {
        let vote = ConsensusVote(
            chain: Self.chain, height: 1, round: 0, step: .prepare, headerID: Digest.sha256([block]))
        return CastVote(key: scheme.keys[1], vote: vote, signature: try #require(scheme.sign(1, vote)))
    }

    /// Accusations after a validator's second vote comes when so many blocks are decided above the first.
    private func accusations(_ name: String, heightsLater: UInt64, changes: Bool = false) throws -> Int {
        let engine = try LibraryEngine(try Libraries.engine(name))
        var time: Int64 = 1_000_000
        func step(_ body: ConsensusEvent.Body) throws -> [ConsensusEffect] {
            time += 10
            return try ConsensusEffect.decode(
                try engine.step(ConsensusEvent(timeMilliseconds: time, body).encoded()), plugin: name)
        }
        func message(_ cast: CastVote) throws -> [ConsensusEffect] {
            // The payload of votes, as these engines write it.
            try step(.message(sender: scheme.keys[2], attachment: nil, votes: [cast], payload: [1, 2]))
        }
        let validators = scheme.keys.map { ConsensusValidator(key: $0, power: 1) }
        try engine.start(snapshot: [])
        _ = try step(
            .start(
                .init(
                    height: 0, chain: Self.chain, headerID: Self.chain, seed: .zero, ownKey: scheme.keys[0],
                    parameters: [:], validators: validators)))
        _ = try message(try vote(1))
        for height in 0..<heightsLater {
            _ = try step(
                .blockCommitted(
                    height: height + 1, headerID: Digest.sha256([9]), blockTimeMilliseconds: time, byCertificate: true,
                    transactionsWaiting: 0, validators: changes ? Array(validators.dropLast()) : nil, threshold: 0))
        }
        return try message(try vote(2)).filter { if case .evidence = $0 { true } else { false } }.count
    }

    @Test(
        "at the height in work and the one below it accuses, above that it has forgotten",
        arguments: ["consensus-pos", "consensus-poc"])
    func boundary(name: String) throws {
        #expect(try accusations(name, heightsLater: 0) == 1)
        #expect(try accusations(name, heightsLater: 1) == 1)
        #expect(try accusations(name, heightsLater: 2) == 0)
        // Other validators: what is below belongs to a set that is gone.
        #expect(try accusations(name, heightsLater: 1, changes: true) == 0)
    }
}
