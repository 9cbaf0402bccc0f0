import Ledger
import LedgerSupport
import Market
import Primitives
import Testing

@Suite("Market bodies") struct MarketFuzzTests {
    @Test("damaged bodies are refused or valid, and never a crash or a lost token") func fuzz() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var world = try MarketWorld()
        try world.submit(MarketWorld.task())
        let (task, zero) = (world.task, Digest.zero)
        let samples: [[UInt8]] = [
            MarketWorld.terms().encoded(), SubmitTaskBody(terms: MarketWorld.task()).encoded(),
            WithdrawOfferBody(offer: zero).encoded(), TaskBody(task: task).encoded(),
            TaskCommitBody(task: task, commitment: zero).encoded(),
            TaskRevealBody(task: task, result: .of(raw: []), salt: zero).encoded(),
            AnswerBody(task: task, result: .of(raw: []), salt: zero).encoded(),
            TaskVerdictBody(task: task, outcomes: [.accepted, .rejected]).encoded(),
        ]
        for _ in 0..<3_000 {
            guard var bytes = samples.randomElement(using: &random) else { continue }
            mutate(&bytes, &random)
            let action = MarketModule.Action.allCases.randomElement(using: &random)?.rawValue ?? "submit"
            let sender = UInt64.random(in: 11...15, using: &random)
            do { try world.ledger.apply("market", ActionCall(action: action, body: bytes), from: sender) } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }
}
