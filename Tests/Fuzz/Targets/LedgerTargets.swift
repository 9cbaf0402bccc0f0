import Federation
import Ledger
import LedgerSupport
import Primitives
import Tokens

extension FuzzGroups {
    /// Every action of every module, through the real decoding and the real execution, from every step of a
    /// federation and a task.
    package static let ledger = FuzzGroup(
        "ledger", "actions of all modules, executed; conservation is checked after each block", lengthLimit: 8_192,
        targets: [
            FuzzTarget("program", seeds: { try LedgerPlaces.seeds() }) { bytes throws(FuzzFinding) in
                try LedgerPlaces.run(bytes)
            },
            FuzzTarget("envelope", seeds: { try envelopes() }) { bytes throws(FuzzFinding) in
                guard let transaction = try? Transaction(decoding: bytes) else { return }
                let again = Transaction(transaction.body, signatures: transaction.signatures)
                guard again.encoded == bytes, again.id == transaction.id else {
                    throw FuzzFinding("an envelope decodes, and encodes to other bytes")
                }
                _ = try? VerifiedTransaction(verifying: transaction)
            },
        ])

    static func envelopes() throws -> [[UInt8]] {
        var script = try LedgerScript()
        _ = try script.play(steps: 1)
        let transfer = ActionCall(
            "transfer", Transfer(to: LedgerHarness.account(2), amount: Amount(tokens: 1)))
        return [
            try script.ledger.call("tokens", transfer, from: 1).transaction.encoded,
            try script.ledger.call(
                "tokens", transfer, from: 1, lane: 15, payer: LedgerHarness.account(99), cosigners: [99]
            ).transaction.encoded,
        ]
    }
}

/// The ledger after each step of the script. Programs run over one of them and are taken back.
///
/// One thread at a time: the fuzzer, or a test that runs by itself. That is the argument for `@unchecked Sendable`.
package final class LedgerPlaces: @unchecked Sendable {
    private let places: [LedgerScript]

    private static let shared = Result { try LedgerPlaces() }

    private init() throws {
        var places: [LedgerScript] = []
        while true {
            var script = try LedgerScript()
            guard try script.play(steps: places.count) else { break }
            places.append(script)
        }
        self.places = places
    }

    /// The longest script, which holds every call.
    static func whole() throws -> LedgerScript {
        var script = try LedgerScript()
        _ = try script.play(steps: .max)
        return script
    }

    /// From each step, the next few calls of the script; from some, each rare call and the deadline after it.
    static func seeds() throws -> [[UInt8]] {
        let script = try whole()
        let calls = script.calls
        let course = calls.indices.map { index in
            [UInt8(index)] + calls[index..<min(calls.count, index + 3)].flatMap(\.encoded)
        }
        let rare = script.rareCalls()
        let late = rare.filter { $0.flags & 1 != 0 }
        let turns = rare.indices.flatMap { number in
            stride(from: number % 3 + 3, to: calls.count, by: 9).map { index in
                [UInt8(index)] + ([rare[number]] + late).flatMap(\.encoded)
            }
        }
        return course + turns
    }

    /// The actions that no seed calls.
    package static func actionsWithoutSeed() throws -> [String] {
        let script = try whole()
        let called = Set((script.calls + script.rareCalls()).map { Int($0.action) })
        return LedgerScript.actions.indices.filter { !called.contains($0) }.map {
            "\(LedgerScript.actions[$0].module) \(LedgerScript.actions[$0].action)"
        }
    }

    static func run(_ bytes: [UInt8]) throws(FuzzFinding) {
        let shared: LedgerPlaces
        do { shared = try Self.shared.get() } catch { throw FuzzFinding("the script fails: \(error)") }
        var reader = FuzzReader(bytes)
        let place = shared.places[Int(reader.byte()) % shared.places.count]
        var run = ProgramRun(place)
        do throws(FuzzFinding) {
            for _ in 0..<8 where !reader.isEmpty { try run.block(LedgerCall(&reader)) }
        } catch {
            run.takeBack()
            throw error
        }
        let root = place.ledger.state.store.root()
        run.takeBack()
        // A change that is taken back leaves nothing: else the next input would not be repeatable.
        guard run.rootBefore == place.ledger.state.store.root() else {
            throw FuzzFinding("taking blocks back from \(root) does not lead to \(run.rootBefore)")
        }
    }
}

/// Blocks of one call each over a ledger, with the undo of each.
struct ProgramRun {
    private let place: LedgerScript
    private var height: UInt64
    private var time: UInt64
    private var undos: [StateUndo] = []
    let rootBefore: Digest

    init(_ place: LedgerScript) {
        self.place = place
        height = place.ledger.height
        time = place.ledger.timeMilliseconds
        rootBefore = place.ledger.state.store.root()
    }

    mutating func block(_ call: LedgerCall) throws(FuzzFinding) {
        height += 1
        time += call.flags & 1 == 0 ? 1_000 : 61_000
        let state = place.ledger.state
        var execution = state.begin(
            BlockInfo(
                height: height, timeMilliseconds: time, beacon: .blake2b256([UInt8(truncatingIfNeeded: height)]),
                proposer: place.ledger.proposer))
        // A call that can be in no block leaves an empty one.
        if let transaction = try? signed(call) {
            let decoded = try? Transaction(decoding: transaction.transaction.encoded)
            guard decoded == transaction.transaction else {
                throw FuzzFinding("a signed transaction decodes to another one")
            }
            let code: ResultCode
            do throws(Refusal) { code = try execution.execute(transaction).code } catch { code = error.code }
            if code == .stateCorrupt { throw FuzzFinding("a call meets a corrupt state") }
        }
        do {
            let outcome = try execution.finish()
            undos.append(try state.store.apply(outcome.changes))
            try Supply.checkConservation(state)
        } catch {
            throw FuzzFinding("the block's end: \(error)")
        }
    }

    private func signed(_ call: LedgerCall) throws -> VerifiedTransaction {
        let (module, action) = LedgerScript.actions[Int(call.action) % LedgerScript.actions.count]
        let sender = LedgerScript.senders[Int(call.sender) % LedgerScript.senders.count]
        var payer: AccountID?
        if call.flags & 2 != 0 { payer = JobRecord.escrow(of: place.job) }
        if call.flags & 4 != 0 { payer = LedgerHarness.account(1) }
        return try place.ledger.call(
            module, ActionCall(action: action, version: call.flags & 8 == 0 ? 1 : 2, body: call.body), from: sender,
            payer: payer, cosigners: call.flags & 4 != 0 && sender != 1 ? [1] : [])
    }

    mutating func takeBack() {
        while let undo = undos.popLast() { place.ledger.state.store.revert(undo) }
    }
}
