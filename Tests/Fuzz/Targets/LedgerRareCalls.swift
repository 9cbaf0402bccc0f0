import Federation
import Ledger
import LedgerSupport
import Market
import Primitives
import Privacy
import Tokens

extension LedgerScript {
    /// Calls that the script's even course has no use for: what one does when something goes wrong. Each is a seed from
    /// several places; most are refused at some and succeed at others.
    func rareCalls() -> [LedgerCall] {
        let key = Self.members[0]
        let dataset = Self.dataset(key)
        let (salt, result) = (Digest.zero, CID.of(raw: [7]))
        let signature = LedgerHarness.key(key).sign([1])
        let evidence = EvidenceBody(
            job: job, round: 1, member: LedgerHarness.account(key), first: Self.update(key, 1),
            firstSignature: signature, second: Self.update(key, 2), secondSignature: signature)
        return [
            call("federation", "refuse", RefuseBody(job: job, round: 1, reason: 3), from: key),
            call("federation", "withdraw", JobBody(job: job), from: key),
            call("federation", "advance", JobBody(job: job), from: 99, flags: 1),
            call("federation", "close", JobBody(job: job), from: 1),
            call("federation", "abort", JobBody(job: job), from: 1),
            call("federation", "evidence", evidence, from: 99),
            call(
                "federation", "replace_aggregator", ReplaceBody(job: job, aggregator: LedgerHarness.account(99)),
                from: 1),
            call("federation", "retire_auditor", RetireAuditorBody(), from: 31),
            call(
                "privacy", "reserve", ReserveBody(dataset: dataset, job: job, costPerRound: Self.cost, rounds: 2),
                from: key),
            call(
                "privacy", "spend",
                SpendBody(dataset: dataset, job: job, round: 1, commitment: .zero, cost: Self.cost), from: key),
            call("privacy", "release", ReleaseBody(dataset: dataset, job: job), from: key),
            call("privacy", "retire", RetireBody(dataset: dataset), from: key),
            call("market", "withdraw_offer", WithdrawOfferBody(offer: offer), from: 31),
            call("market", "cancel", TaskBody(task: task), from: 1),
            call("market", "advance", TaskBody(task: task), from: 99, flags: 1),
            call("market", "answer", AnswerBody(task: task, result: result, salt: salt), from: 1),
        ]
            + Self.rareStakingCalls().map {
                LedgerCall(
                    sender: UInt8(Self.senders.firstIndex(of: $0.key) ?? 0), action: index("staking", $0.action),
                    body: $0.body)
            }
    }

    private func call(
        _ module: String, _ action: String, _ body: some CBORCodable, from key: UInt64, flags: UInt8 = 0
    ) -> LedgerCall {
        LedgerCall(
            sender: UInt8(Self.senders.firstIndex(of: key) ?? 0),
            action: index(module, action), flags: flags, body: body.encoded())
    }

    private func index(_ module: String, _ action: String) -> UInt8 {
        UInt8(Self.actions.firstIndex { $0 == (module, action) } ?? 0)
    }
}
