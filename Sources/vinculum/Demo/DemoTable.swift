/// The report for people: within 100 columns.
struct DemoTable {
    let report: DemoReport
    let style: Style

    var text: String {
        var lines: [String] = []
        func section(_ title: String, _ body: [String]) { lines += ["", style.bold(title)] + body }
        lines += heading
        section("Accuracy on \(HumanUnits.grouped(UInt64(report.testRecords))) test images, after rounds", accuracy)
        section("Guarantee", guarantee)
        section("Sites", sites)
        section("Verdicts beside the truth", detection)
        section("Refusals", refusals)
        section("Paid from the escrow", payments)
        section("The model", model)
        section("Its evaluation, bought on the market", evaluation)
        section("A proof of one payment", proof)
        section("The books", books)
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: [String] {
        let split = "split unevenly (Dirichlet 0.3, seed \(report.seed))"
        return [
            "\(report.dataSet), \(report.sites.count) sites, \(split): "
                + "\(report.roundsDone) of \(report.rounds) rounds, \(HumanUnits.fixed(report.seconds, decimals: 1)) s"
        ]
    }

    /// A table's lines, set in.
    private func lines(_ table: Table) -> [String] {
        table.text(style).split(separator: "\n").map { "  \($0)" }
    }

    // MARK: Accuracy

    private var accuracy: [String] {
        let columns = shownRounds
        var table = Table([("", .left)] + columns.map { ("\($0)", .right) })
        func row(_ name: String, _ values: [Double]) {
            table.add([name] + columns.map { $0 <= values.count ? HumanUnits.fixed(values[$0 - 1], decimals: 3) : "-" })
        }
        let epsilon = HumanUnits.fixed(report.guarantee.epsilonLimit, decimals: 0)
        row("this federation, private (epsilon \(epsilon))", report.accuracy.federation)
        row("the same without noise, all honest", report.accuracy.federationWithoutNoise)
        row("central: all data in one place", report.accuracy.central)
        let alone = report.accuracy.alone.sorted { ($0.byRound.last ?? 0) > ($1.byRound.last ?? 0) }
        if let best = alone.first { row("best site alone (\(best.site))", best.byRound) }
        if !alone.isEmpty { row("median site alone", alone[alone.count / 2].byRound) }
        if let worst = alone.last { row("worst site alone (\(worst.site))", worst.byRound) }
        return lines(table)
    }

    /// The first, the last, and some between.
    private var shownRounds: [Int] {
        let last = max(report.rounds, 1)
        let step = max(1, (last + 5) / 6)
        return ([1] + stride(from: step, through: last, by: step) + [last]).reduce(into: [Int]()) { rounds, round in
            if !rounds.contains(round) { rounds.append(round) }
        }
    }

    private var guarantee: [String] {
        let guarantee = report.guarantee
        let limit = HumanUnits.fixed(guarantee.epsilonLimit, decimals: 2)
        let clip = HumanUnits.fixed(guarantee.clip, decimals: 0)
        let noise = HumanUnits.fixed(guarantee.noiseMultiplier, decimals: 2)
        let unit =
            "  Unit: one \(guarantee.unit); neighbours: \(guarantee.relation); against: \(guarantee.adversary); "
            + "delta: \(guarantee.delta); epsilon: at most \(limit) a site."
        let mechanism =
            "  Inside the site: each record's gradient clipped to norm \(clip), then discrete Gaussian noise of "
            + "\(noise) x sensitivity."
        let source = "  Noise and keys come from the system's random source, never from the seed."
        return [unit, mechanism, source].flatMap { Self.wrapped($0) }
    }

    // MARK: Sites

    private var sites: [String] {
        let titles = ["records", "alone", "epsilon", "of", "sent", "updates", "audits", "forfeited"]
        var table = Table([("", .left)] + titles.map { ($0, .right) })
        let alone = Dictionary(
            report.accuracy.alone.map { ($0.site, $0.byRound.last ?? 0) }, uniquingKeysWith: { first, _ in first })
        for site in report.sites {
            let sent = site.updateBytesSent + site.transactionBytesSent + site.evidenceBytesSent
            table.add([
                site.name, HumanUnits.grouped(UInt64(site.records)),
                HumanUnits.fixed(alone[site.name] ?? 0, decimals: 3),
                HumanUnits.fixed(site.epsilonSpent, decimals: 3), HumanUnits.fixed(site.epsilonTotal, decimals: 3),
                HumanUnits.bytes(UInt64(sent)),
                Self.amount(site.paidForUpdates, 3), Self.amount(site.paidForAudits, 3),
                Self.amount(site.forfeited, 3),
            ])
        }
        return lines(table) + [
            "  epsilon: spent in this job by the ledger's books, of what the owner's policy gives in all",
            "  sent: what the site published: protected updates, transactions, evidence of audits",
            "  updates, audits, forfeited: tokens paid for each kind of work, and lost by a proven fault",
        ]
    }

    /// An exact amount cut to so many decimals for reading: never rounded up.
    private static func amount(_ text: String, _ decimals: Int) -> String {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? parts[1].prefix(decimals) : ""
        return "\(parts[0]).\(fraction)" + String(repeating: "0", count: decimals - fraction.count)
    }

    // MARK: Verdicts

    private var detection: [String] {
        var table = Table([
            ("", .left), ("truth", .left), ("verdict", .left), ("accepted", .right), ("rejected", .right),
            ("refused", .right), ("", .left),
        ])
        for site in report.sites {
            table.add([
                site.name, site.truth, site.verdict, "\(site.roundsAccepted)", "\(site.roundsFlagged)",
                "\(site.roundsRefused)", remark(site),
            ])
        }
        let found = report.detection
        let none = "none"
        func names(_ list: [String]) -> String { list.isEmpty ? none : list.joined(separator: ", ") }
        return lines(table) + [
            "  \(found.misbehaving) misbehaving, \(found.found) found; missed: \(names(found.missed)); "
                + "false alarms: \(names(found.falseAlarms)); honest and slashed: \(names(found.honestSlashed))",
            "  of \(found.updatesJudged) updates judged: \(found.honestUpdatesRejected) honest ones rejected, "
                + "\(found.dishonestUpdatesAccepted) of misbehaving sites accepted",
        ]
    }

    private func remark(_ site: DemoReport.Site) -> String {
        if site.slashed { return "slashed: out of the job" }
        if site.verdict == "honest" { return site.truth == "honest" ? "" : "missed" }
        return site.truth == "honest" ? "false alarm" : "its updates are left out, unpaid"
    }

    private var refusals: [String] {
        guard !report.refusals.isEmpty else { return ["  none"] }
        var table = Table("site", "when", "code", "why")
        for refusal in report.refusals {
            let rounds =
                refusal.firstRound == 0
                ? "the job"
                : refusal.firstRound == refusal.lastRound
                    ? "round \(refusal.firstRound)" : "rounds \(refusal.firstRound) to \(refusal.lastRound)"
            table.add([refusal.site, rounds, refusal.code, refusal.meaning])
        }
        return lines(table)
    }

    // MARK: Money and proofs

    private var payments: [String] {
        let paid = report.payments
        var table = Table([("to", .left), ("tokens", .right)])
        table.add(["members, for accepted updates", paid.members])
        table.add(["auditors, for verdicts that agree with the decision", paid.auditors])
        table.add(["the aggregator, for confirmed models", paid.aggregator])
        table.add(["fees of transactions, so that sites need no tokens", paid.fees])
        table.add(["back to the requester", paid.refunded])
        table.add(["escrow", paid.escrow])
        return lines(table)
    }

    private var model: [String] {
        ["  CID          \(report.model)", "  Merkle root  \(report.modelMerkleRoot)"]
    }

    private var evaluation: [String] {
        guard let bought = report.evaluation, bought.count > 0 else { return ["  none: the model was not evaluated"] }
        let accuracy = HumanUnits.fixed(Double(bought.correct) / Double(bought.count), decimals: 3)
        var table = Table([("provider", .left), ("result", .left), ("tokens", .right)])
        for replica in bought.replicas { table.add([replica.provider, replica.outcome, replica.price]) }
        let again = bought.audited ? "computed again by \(bought.auditors.joined(separator: ", "))" : "not audited"
        return lines(table).filter { !$0.allSatisfy { $0 == " " } } + [
            "  accuracy \(accuracy): \(bought.correct) of \(bought.count) public records, \(again); "
                + "paid \(bought.paid)"
        ]
    }

    private var proof: [String] {
        guard let proof = report.proof else { return ["  nobody was paid"] }
        let verified = proof.verifiedOffline ? "verified offline" : "NOT VERIFIED"
        return [
            "  \(proof.payee) was paid \(proof.amount) tokens for round \(proof.round), in block \(proof.height)",
            "  \(verified), from the genesis and this file alone:",
            "  vinculum proof verify \(proof.file) --genesis \(report.folder)/genesis.dagcbor",
        ]
    }

    private var books: [String] {
        var lines = report.checks.map { check in
            "  \(check.holds ? "holds" : "BROKEN")  \(check.name): \(check.detail)"
        }
        lines.append(
            "  \(report.blocks) blocks, \(report.transactions) transactions (\(report.failedTransactions) refused), "
                + "\(report.processRestarts) processes started again")
        return lines.flatMap { Self.wrapped($0) }
    }

    /// Breaks a line at 100 columns; what follows is set in.
    private static func wrapped(_ line: String) -> [String] {
        var lines = [""]
        for word in line.split(separator: " ", omittingEmptySubsequences: false) {
            if lines[lines.count - 1].count + word.count + 1 > 98 {
                lines.append("        \(word)")
            } else {
                lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
            }
        }
        // The first word of an indented line is empty, and so is the line until it comes.
        return lines.map { $0.hasPrefix(" ") ? $0 : "  \($0)" }
    }
}
