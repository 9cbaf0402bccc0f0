import Federation
import Ledger
import Node
import Primitives
import Privacy
import Tokens

/// What has to hold after every run, whatever was killed: sums to the unit, from the ledger.
struct DemoChecks: Sendable {
    let facts: DemoLedgerFacts
    let anchor: TrustAnchor

    /// Supply and what was burned, in words for the report.
    struct Supply: Sendable {
        var supply: Amount
        var burned: Amount
        var check: DemoReport.Check
    }

    /// Checks of the job's books.
    func books() throws -> [DemoReport.Check] {
        [try escrow(), try payments(), try earnings(), budgets(), noDoubleSpending()]
    }

    /// Everything that was paid, refunded and spent on fees is the escrow.
    private func escrow() throws -> DemoReport.Check {
        let fees = facts.scan.fees[facts.escrow] ?? .zero
        let out = try facts.record.paid.adding(facts.record.refunded).adding(fees)
        let given = try escrowGiven()
        return .init(
            name: "escrow", holds: out == given,
            detail: "paid \(facts.record.paid) + refunded \(facts.record.refunded) + fees \(fees) = \(out) of \(given)")
    }

    /// What the requester put in: it is nowhere in the records, but in the transaction that submitted the job.
    private func escrowGiven() throws -> Amount { facts.scan.escrow ?? .zero }

    /// The payments in receipts add up to what the job's record says.
    private func payments() throws -> DemoReport.Check {
        var sum = Amount.zero
        for amount in facts.scan.paid.values { sum = try sum.adding(amount) }
        return .init(
            name: "payments", holds: sum == facts.record.paid,
            detail: "payments in receipts \(sum), in the job's record \(facts.record.paid)")
    }

    /// Each member has got what its accepted updates earned, once.
    private func earnings() throws -> DemoReport.Check {
        var wrong: [String] = []
        for site in facts.sites {
            var earned = Amount.zero
            for submission in site.submissions.values { earned = try earned.adding(submission.earned) }
            let got = try site.member.paid.adding(site.member.forfeited).adding(site.member.heldBack)
            if got != earned { wrong.append("\(site.account): earned \(earned), got \(got)") }
        }
        return .init(
            name: "earnings", holds: wrong.isEmpty,
            detail: wrong.isEmpty ? "every member has got what it earned, once" : wrong.joined(separator: "; "))
    }

    /// What each dataset has spent is its committed rounds times the cost of a round.
    private func budgets() -> DemoReport.Check {
        var wrong: [String] = []
        for site in facts.sites {
            guard let dataset = site.dataset else { continue }
            let expected = facts.terms.costPerRound.multiplied(by: UInt32(site.committed))
            if dataset.spent != expected || site.reservation?.spent != expected {
                wrong.append("\(site.account): \(site.committed) rounds, but another sum")
            }
            if !dataset.reserved.isZero { wrong.append("\(site.account): budget is still reserved") }
            if !dataset.spent.isAdmitted(by: dataset.limits) { wrong.append("\(site.account): over its limits") }
        }
        return .init(
            name: "budgets", holds: wrong.isEmpty,
            detail: wrong.isEmpty
                ? "every dataset has spent its committed rounds times the cost of one" : wrong.joined(separator: "; "))
    }

    /// One charge for each committed round, so that no retry has paid twice.
    private func noDoubleSpending() -> DemoReport.Check {
        let wrong = facts.sites.filter { $0.spends.count != $0.committed }
        return .init(
            name: "charges", holds: wrong.isEmpty,
            detail: wrong.isEmpty
                ? "one charge for each committed round"
                : wrong.map { "\($0.account): \($0.spends.count) charges, \($0.committed) rounds" }
                    .joined(separator: "; "))
    }

    // MARK: Supply

    /// The sum of all balances, listed with a proof, against what was minted and burned, proven under the same
    /// header.
    func supply(_ ledger: DemoLedger) async throws -> Supply {
        for _ in 0..<50 {
            let listing = try await ledger.asking {
                try await ledger.service.list(prefix: Array("a/".utf8), after: nil, limit: 1)
            }
            let counters = try await ledger.asking {
                try await ledger.service.state(at: Array("m/tokens/supply".utf8))
            }
            // A block came between the two: ask again.
            guard listing.anchor.height == counters.anchor.height else { continue }
            guard case .entries(let entries) = try answer(listing.proof, listing.anchor),
                case .value(let bytes) = try answer(counters.proof, counters.anchor)
            else { break }
            var sum = Amount.zero
            for entry in entries { sum = try sum.adding(try Ledger.Account.decode(entry.value).balance) }
            let found = try SupplyCounters.decode(bytes)
            let supply = try found.minted.subtracting(found.burned)
            return Supply(
                supply: supply, burned: found.burned,
                check: .init(
                    name: "supply", holds: sum == supply,
                    detail:
                        "\(entries.count) balances, proven under header \(listing.anchor.height), add up to \(sum); "
                        + "minted \(found.minted) less burned \(found.burned) is \(supply)"))
        }
        throw DemoRun.Failed(description: "the node gives no listing of all balances that can be proven")
    }

    private func answer(_ proof: [UInt8], _ header: Node.CertifiedHeader) throws -> StateProof.Answer {
        try CertifiedStateProof(certified: try header.decoded(), proof: try StateProof.decode(proof)).verify(anchor)
    }
}

extension Node.CertifiedHeader {
    /// In the ledger's types.
    func decoded() throws -> Ledger.CertifiedHeader {
        Ledger.CertifiedHeader(
            header: try Header.decode(header), certificate: try Certificate.decode(certificate))
    }
}
