import Ledger
import LedgerSupport
import Primitives

/// What a ledger does, block by block, as text: two processes that disagree anywhere have different texts.
package enum LedgerTranscript {
    /// The script's calls, then so many calls drawn from `seed`: real ones with changed bytes, from any sender. Each
    /// line is a block: height, root of the state, receipts.
    package static func lines(seed: UInt64, count: Int) throws -> [String] {
        var script = try LedgerScript()
        _ = try script.play(steps: .max)
        var lines = script.blocks
        var generator = FuzzGenerator(seed: seed)
        let calls = script.calls + script.rareCalls()
        var ledger = script.ledger
        for _ in 0..<count {
            guard var call = calls.randomElement(using: &generator) else { break }
            if Bool.random(using: &generator) { call.sender = UInt8.random(in: 0...255, using: &generator) }
            if UInt8.random(in: 0..<4, using: &generator) == 0, !call.body.isEmpty {
                let place = Int.random(in: 0..<call.body.count, using: &generator)
                call.body[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
            let (module, action) = LedgerScript.actions[Int(call.action) % LedgerScript.actions.count]
            let sender = LedgerScript.senders[Int(call.sender) % LedgerScript.senders.count]
            let transaction = try ledger.call(module, ActionCall(action: action, body: call.body), from: sender)
            let isLate = UInt8.random(in: 0..<8, using: &generator) == 0
            do throws(Refusal) {
                let receipts = try ledger.block([transaction], afterMilliseconds: isLate ? 61_000 : 1_000)
                lines.append(line(ledger, receipts))
            } catch {
                // It can be in no block: nothing has changed, and why is part of what has to agree.
                guard error.code != .stateCorrupt else { throw error }
                lines.append("\(ledger.height) \(ledger.state.store.root().hex) refused \(error.code)")
            }
        }
        return lines
    }

    static func line(_ ledger: LedgerHarness, _ receipts: [Receipt]) -> String {
        let encoded = receipts.map { Hex.encode($0.encoded()) }.joined(separator: ",")
        return "\(ledger.height) \(ledger.state.store.root().hex) \(encoded)"
    }
}
