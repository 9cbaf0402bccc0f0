import CVinculum
import PluginKit
import Testing

@Suite("consensus-solo", .serialized)
struct SoloConsensusTests {
    private static let ownKey = [UInt8](repeating: 9, count: 32)

    /// An engine behind the interface, with the events that a host sends.
    private final class Engine {
        let host = TestHost()
        let table: UnsafePointer<vin_consensus>
        var trace: [UInt8] = []

        init(snapshot: [UInt8] = []) throws {
            table = try LoadedPlugin(named: "consensus-solo").instance(
                kind: VIN_KIND_CONSENSUS, id: "org.vinculum.consensus-solo", host: host, as: vin_consensus.self)
            try host.check(borrowed(snapshot) { table.pointee.start(table.pointee.plugin_data, $0) })
        }

        deinit {
            _ = table.pointee.stop(table.pointee.plugin_data)
            table.pointee.destroy(table.pointee.plugin_data)
        }

        /// Steps, and answers the kinds of the effects in order.
        @discardableResult
        func step(_ writer: RecordWriter) throws -> [UInt32] {
            let (status, bytes) = collecting { sink in
                borrowed(writer.bytes) { table.pointee.step(table.pointee.plugin_data, $0, sink) }
            }
            try host.check(status)
            trace += bytes
            last = bytes
            return try bytes.withUnsafeBytes { raw in
                var reader = RecordReader(raw)
                var kinds: [UInt32] = []
                while let record = try reader.next() { kinds.append(record.kind) }
                return kinds
            }
        }

        private(set) var last: [UInt8] = []

        /// The first effect of a kind in the last batch.
        func effect<Record: BitwiseCopyable>(_ kind: Int, as: Record.Type) throws -> Record {
            try last.withUnsafeBytes { raw in
                var reader = RecordReader(raw)
                while let record = try reader.next() {
                    if record.kind == UInt32(kind) { return try record.load(as: Record.self) }
                }
                throw Refused(status: 0, message: "no effect of kind \(kind)")
            }
        }

        var snapshot: [UInt8] {
            collecting { table.pointee.snapshot(table.pointee.plugin_data, $0) }.1
        }
    }

    private func event(_ time: Int64) -> vin_event { vin_event(record: vin_record(), time_ms: time) }

    private func start(
        height: UInt64 = 0, validators: [[UInt8]] = [ownKey], parameters: String = "interval_ms=10\n"
    ) -> RecordWriter {
        var writer = RecordWriter()
        var record = vin_event_start()
        record.event = event(1000)
        record.height = height
        record.chain = digest(1)
        record.own_key = Bytes32(Self.ownKey)?.publicKey ?? vin_public_key()
        let packed = validators.flatMap { $0 + withUnsafeBytes(of: UInt64(1).littleEndian) { Array($0) } }
        writer.append(
            record, kind: UInt32(VIN_EVENT_START),
            tails: [(\.parameters, Array(parameters.utf8)), (\.validators, packed)])
        return writer
    }

    private func record<Record: BitwiseCopyable>(_ value: Record, _ kind: Int) -> RecordWriter {
        var writer = RecordWriter()
        writer.append(value, kind: UInt32(kind))
        return writer
    }

    private func transactions(_ count: UInt64, at time: Int64) -> RecordWriter {
        record(
            vin_event_transactions(event: event(time), count: count, size_bytes: count * 250), VIN_EVENT_TRANSACTIONS)
    }

    private func timer(at time: Int64) -> RecordWriter {
        record(vin_event_timer(event: event(time), timer_id: 1), VIN_EVENT_TIMER)
    }

    private func built(height: UInt64, round: UInt32 = 0, block: UInt8, at time: Int64) -> RecordWriter {
        record(
            vin_event_proposal_built(
                event: event(time), height: height, round: round, flags: block == 0 ? 1 : 0, header_id: digest(block),
                transactions: 3), VIN_EVENT_PROPOSAL_BUILT)
    }

    private func signed(_ vote: vin_vote, conflict: Bool = false, at time: Int64) -> RecordWriter {
        record(
            vin_event_vote_signed(
                event: event(time), vote: vote, status: conflict ? vin_status(VIN_ERROR_CONFLICT) : 0, reserved: 0,
                signature: vin_signature()), VIN_EVENT_VOTE_SIGNED)
    }

    /// - Parameter validators: the set from the next height on, where the block changes it.
    private func committed(
        height: UInt64, block: UInt8, blockTime: Int64, waiting: UInt64, at time: Int64, validators: [[UInt8]] = []
    ) -> RecordWriter {
        var writer = RecordWriter()
        let packed = validators.flatMap { $0 + withUnsafeBytes(of: UInt64(1).littleEndian) { Array($0) } }
        writer.append(
            vin_event_block_committed(
                event: event(time), height: height, header_id: digest(block), block_time_ms: blockTime,
                flags: 0, reserved: 0, transactions_waiting: waiting, validators: vin_span(), threshold: 0),
            kind: UInt32(VIN_EVENT_BLOCK_COMMITTED),
            tails: validators.isEmpty ? [] : [(\.validators, packed)])
        return writer
    }

    /// One block from transactions to commit; answers the proposal's time.
    private func makeBlock(_ engine: Engine, height: UInt64, at time: Int64) throws -> Int64 {
        #expect(try engine.step(transactions(3, at: time)) == [UInt32(VIN_EFFECT_SET_TIMER)])
        #expect(try engine.step(timer(at: time + 10)) == [UInt32(VIN_EFFECT_PROPOSE)])
        let proposal = try engine.effect(VIN_EFFECT_PROPOSE, as: vin_effect_propose.self)
        #expect(proposal.height == height)
        #expect(
            try engine.step(built(height: height, block: UInt8(height), at: time + 11))
                == [UInt32(VIN_EFFECT_PERSIST), UInt32(VIN_EFFECT_SIGN_VOTE)])
        let vote = try engine.effect(VIN_EFFECT_SIGN_VOTE, as: vin_effect_sign_vote.self).vote
        #expect(vote.step == UInt32(VIN_VOTE_COMMIT))
        #expect(try engine.step(signed(vote, at: time + 12)) == [UInt32(VIN_EFFECT_DECIDE)])
        #expect(
            try engine.step(
                committed(
                    height: height, block: UInt8(height), blockTime: proposal.time_ms, waiting: 0, at: time + 13)
            ).isEmpty)
        return proposal.time_ms
    }

    @Test("takes transactions to a decided block, batching for its interval")
    func decidesBlocks() throws {
        let engine = try Engine()
        #expect(try engine.step(start()).isEmpty)
        #expect(try makeBlock(engine, height: 1, at: 2000) == 2010)
        #expect(try makeBlock(engine, height: 2, at: 3000) == 3010)
    }

    @Test("keeps block times strictly rising when the clock stands still")
    func timesRise() throws {
        let engine = try Engine()
        try engine.step(start())
        let first = try makeBlock(engine, height: 1, at: 5000)
        let second = try makeBlock(engine, height: 2, at: 4000)
        #expect(second > first)
    }

    @Test("proposes in another round after a crash between persist and decide, also with a restarted clock")
    func survivesCrash() throws {
        let engine = try Engine()
        try engine.step(start())
        try engine.step(transactions(1, at: 2000))
        try engine.step(timer(at: 2010))
        try engine.step(built(height: 1, block: 7, at: 2011))
        let persisted = try engine.last.withUnsafeBytes { raw -> [UInt8] in
            var reader = RecordReader(raw)
            let view = try #require(try reader.next())
            return Array(try view.slice(try view.load(as: vin_effect_persist.self).state))
        }
        let revived = try Engine(snapshot: persisted)
        try revived.step(start())
        try revived.step(transactions(1, at: 1500))
        #expect(try revived.step(timer(at: 1510)) == [UInt32(VIN_EFFECT_PROPOSE)])
        let proposal = try revived.effect(VIN_EFFECT_PROPOSE, as: vin_effect_propose.self)
        #expect(proposal.round == 1)
        #expect(proposal.time_ms > 2010)
    }

    @Test("tries the next round when its key has signed something else")
    func goesOnAfterConflict() throws {
        let engine = try Engine()
        try engine.step(start())
        try engine.step(transactions(1, at: 2000))
        try engine.step(timer(at: 2010))
        try engine.step(built(height: 1, block: 7, at: 2011))
        let vote = try engine.effect(VIN_EFFECT_SIGN_VOTE, as: vin_effect_sign_vote.self).vote
        #expect(try engine.step(signed(vote, conflict: true, at: 2012)) == [UInt32(VIN_EFFECT_SET_TIMER)])
        try engine.step(timer(at: 2022))
        #expect(try engine.effect(VIN_EFFECT_PROPOSE, as: vin_effect_propose.self).round == 1)
    }

    @Test("makes no block when nothing is left to put into one, and sees what came meanwhile")
    func emptyProposal() throws {
        let engine = try Engine()
        try engine.step(start())
        try engine.step(transactions(1, at: 2000))
        try engine.step(timer(at: 2010))
        #expect(try engine.step(transactions(2, at: 2011)).isEmpty)
        #expect(try engine.step(built(height: 1, block: 0, at: 2012)) == [UInt32(VIN_EFFECT_SET_TIMER)])
    }

    @Test("answers the same bytes for the same events")
    func isDeterministic() throws {
        let traces = try (0..<2).map { _ in
            let engine = try Engine()
            try engine.step(start())
            for height in 1...5 as ClosedRange<UInt64> {
                _ = try makeBlock(engine, height: height, at: Int64(height) * 1000)
            }
            return engine.trace + engine.snapshot
        }
        #expect(traces[0] == traces[1])
    }

    @Test("refuses by name: two validators, unknown parameters, broken snapshots, events before start")
    func refuses() throws {
        let engine = try Engine()
        #expect(throws: Refused.self) { try engine.step(transactions(1, at: 1)) }
        let other = [UInt8](repeating: 10, count: 32)
        #expect(throws: Refused(status: 5, message: "consensus-solo needs one validator; the set has 2")) {
            try engine.step(start(validators: [Self.ownKey, other]))
        }
        #expect(throws: Refused(status: 1, message: "unknown setting intervall_ms")) {
            try engine.step(start(parameters: "intervall_ms=10\n"))
        }
        #expect(throws: Refused.self) { try Engine(snapshot: [1, 2, 3]) }
        // A failed step has no effect: the engine starts all the same.
        #expect(try engine.step(start()).isEmpty)
    }

    @Test("never proposes where its key is not the validator's")
    func follows() throws {
        let engine = try Engine()
        try engine.step(start(validators: [[UInt8](repeating: 10, count: 32)]))
        #expect(try engine.step(transactions(5000, at: 2000)).isEmpty)
    }

    @Test("proposes again when the set names its key again")
    func isTheValidatorAgain() throws {
        let engine = try Engine()
        let other = [UInt8](repeating: 10, count: 32)
        try engine.step(start())
        try engine.step(committed(height: 1, block: 1, blockTime: 1500, waiting: 0, at: 1500, validators: [other]))
        #expect(try engine.step(transactions(5000, at: 2000)).isEmpty)
        let back = committed(height: 2, block: 2, blockTime: 2500, waiting: 5000, at: 2500, validators: [Self.ownKey])
        #expect(try engine.step(back) == [UInt32(VIN_EFFECT_PROPOSE)])
    }

    @Test("answers errors to bytes that are no event, and is as before")
    func survivesAnyBytes() throws {
        let engine = try Engine()
        try engine.step(start())
        let before = engine.snapshot
        let good = transactions(3, at: 2000).bytes
        var words = SeededWords(seed: 12)
        for _ in 0..<3000 {
            var bytes = good
            bytes[Int(words.nextWord() % 8)] = UInt8(truncatingIfNeeded: words.nextWord())
            if words.nextWord() % 2 == 0 { bytes.removeLast(Int(words.nextWord() % UInt64(bytes.count))) }
            // A changed kind may be a good event of another kind without effect; what is refused has none.
            let (status, effects) = collecting { sink in
                borrowed(bytes) { engine.table.pointee.step(engine.table.pointee.plugin_data, $0, sink) }
            }
            if status != 0 { #expect(effects.isEmpty) }
        }
        #expect(engine.snapshot == before)
    }
}
