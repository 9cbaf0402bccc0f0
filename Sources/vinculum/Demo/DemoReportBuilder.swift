import Federation
import Ledger
import Node
import Primitives
import Privacy

/// Makes the report of a run that has ended, from what the ledger says and what was measured.
struct DemoReportBuilder: Sendable {
    let folder: DemoFolder
    let marker: DemoMarker
    let ledger: DemoLedger
    let job: Digest
    let accounts: [AccountID]
    let progress: DemoProgress

    func report(
        federation: [Double], baselines: DemoBaselines.Results, bought: DemoReport.Evaluation?, restarts: Int,
        elapsed: Duration
    ) async throws -> DemoReport {
        let facts = try await DemoLedgerFacts.read(ledger, job: job, accounts: accounts)
        let genesis = try Genesis.decode(try DurableFile.read(folder.genesis, limitBytes: 16 << 20))
        let anchor = TrustAnchor(genesis: genesis)
        let checks = DemoChecks(facts: facts, anchor: anchor)
        let supply = try await checks.supply(ledger)
        let payment = DemoPaymentProof(folder: folder, marker: marker, facts: facts, accounts: accounts)
        let proof = try await payment.write(ledger)
        var all = try checks.books() + [supply.check]
        all.append(
            .init(
                name: "payment proof", holds: proof?.verifiedOffline ?? facts.scan.payments.isEmpty,
                detail: proof.map { "\($0.payee) was paid \($0.amount), slot \($0.slot)" } ?? "nobody was paid"))
        if let bought {
            all.append(
                .init(
                    name: "evaluation", holds: bought.count > 0 && bought.correct == bought.correctHere,
                    detail: bought.count == 0
                        ? "nobody evaluated the model: the task is \(bought.status)"
                        : "providers say \(bought.correct) of \(bought.count) records, the demo itself says "
                            + "\(bought.correctHere)"))
        }
        let options = marker.plan.options
        return DemoReport(
            dataSet: marker.task.dataName, isFallbackDataSet: marker.task.isFallback, folder: folder.root,
            seed: options.seed, rounds: options.rounds, roundsDone: Int(facts.record.roundsDone),
            end: "\(facts.record.end)", testRecords: marker.testRecords, guarantee: try guarantee(facts),
            accuracy: accuracy(federation, baselines), sites: try sites(facts), detection: detection(facts),
            refusals: refusals(), payments: try payments(facts), model: facts.record.model.text,
            modelMerkleRoot: facts.lineage?.root.hex ?? "", chain: facts.status.chain, blocks: facts.status.height,
            transactions: facts.scan.nextSlot, failedTransactions: facts.scan.failed, supply: "\(supply.supply)",
            burned: "\(supply.burned)", proof: proof, evaluation: bought, checks: all, processRestarts: restarts,
            seconds: (elapsed / .seconds(1) * 100).rounded() / 100)
    }

    // MARK: Parts

    private func guarantee(_ facts: DemoLedgerFacts) throws -> DemoReport.Guarantee {
        let terms = try TrainingTerms(facts.terms)
        let given = facts.terms.guarantee
        return .init(
            unit: "\(given.unit)", relation: given.relation == .addOrRemove ? "add or remove" : "replace",
            adversary: given.adversary == .everyone ? "everyone" : "\(given.adversary)",
            delta: Double(given.deltaTrillionths) / 1e12, epsilonLimit: Double(given.epsilonBillionths) / 1e9,
            mechanism: facts.terms.mechanism.plugin.id,
            noiseMultiplier: Double(terms.noiseUnits) / Double(terms.sensitivityUnits), clip: terms.clip)
    }

    private func accuracy(_ federation: [Double], _ baselines: DemoBaselines.Results) -> DemoReport.Accuracy {
        .init(
            federation: federation, federationWithoutNoise: baselines.withoutNoise, central: baselines.central,
            alone: zip(marker.plan.sites, baselines.alone).map { .init(site: $0.name, byRound: $1) })
    }

    private func sites(_ facts: DemoLedgerFacts) throws -> [DemoReport.Site] {
        try facts.sites.enumerated().map { index, site in
            let plan = marker.plan.sites[index]
            let spent = site.reservation?.spent ?? .zero
            let paid = facts.scan.paid[site.account] ?? .zero
            return DemoReport.Site(
                name: plan.name, account: site.account.text, records: marker.sites[index].records,
                sizeBand: marker.sites[index].band,
                epsilonSpent: RenyiConversion.epsilon(
                    of: spent, deltaTrillionths: facts.terms.guarantee.deltaTrillionths),
                epsilonTotal: marker.sites[index].epsilonTotal, roundsCommitted: site.committed,
                roundsAccepted: site.accepted, roundsFlagged: site.flagged, roundsRefused: site.refused,
                updateBytesSent: site.updateBytes, transactionBytesSent: facts.scan.bytesSent[site.account] ?? 0,
                evidenceBytesSent: site.evidenceBytes, truth: plan.behaviour.rawValue, verdict: site.verdict,
                paidForUpdates: "\(site.member.paid)", paidForAudits: "\(try paid.subtracting(site.member.paid))",
                forfeited: "\(site.member.forfeited)", slashed: site.member.status == .slashed)
        }
    }

    private func detection(_ facts: DemoLedgerFacts) -> DemoReport.Detection {
        var result = DemoReport.Detection(
            misbehaving: marker.plan.attackers, found: 0, missed: [], falseAlarms: [], honestSlashed: [],
            updatesJudged: 0, honestUpdatesRejected: 0, dishonestUpdatesAccepted: 0)
        for (plan, site) in zip(marker.plan.sites, facts.sites) {
            result.updatesJudged += site.accepted + site.flagged
            let isFlagged = site.verdict != "honest"
            if plan.behaviour == .honest {
                result.honestUpdatesRejected += site.flagged
                if isFlagged { result.falseAlarms.append(plan.name) }
                if site.member.status == .slashed { result.honestSlashed.append(plan.name) }
            } else {
                result.dishonestUpdatesAccepted += site.accepted
                if isFlagged { result.found += 1 } else { result.missed.append(plan.name) }
            }
        }
        return result
    }

    /// Refusals of one site for one reason in rounds that follow one another are one line.
    private func refusals() -> [DemoReport.Refusal] {
        var lines: [DemoReport.Refusal] = []
        let sorted = progress.refusals.sorted {
            (Self.name(of: $0.account, marker), $0.round) < (Self.name(of: $1.account, marker), $1.round)
        }
        for refusal in sorted {
            let name = Self.name(of: refusal.account, marker)
            let reason = SiteReason(rawValue: refusal.reason)
            let code = reason.map(Self.code) ?? "\(refusal.reason)"
            if let last = lines.last, last.site == name, last.code == code, last.lastRound + 1 == refusal.round {
                lines[lines.count - 1].lastRound = refusal.round
            } else {
                lines.append(
                    .init(
                        site: name, firstRound: refusal.round, lastRound: refusal.round, code: code,
                        meaning: reason.map(Self.meaning) ?? "a reason that this version does not know"))
            }
        }
        return lines
    }

    private func payments(_ facts: DemoLedgerFacts) throws -> DemoReport.Payments {
        var members = Amount.zero
        for site in facts.sites { members = try members.adding(site.member.paid) }
        let aggregator = facts.scan.paid[facts.terms.aggregator] ?? .zero
        let auditors = try facts.record.paid.subtracting(members).subtracting(aggregator)
        return .init(
            escrow: "\(facts.scan.escrow ?? .zero)", members: "\(members)", auditors: "\(auditors)",
            aggregator: "\(aggregator)", fees: "\(facts.scan.fees[facts.escrow] ?? .zero)",
            refunded: "\(facts.record.refunded)")
    }

    // MARK: Names

    static func name(of account: AccountID, _ marker: DemoMarker) -> String {
        let text = account.text
        guard let index = marker.sites.firstIndex(where: { $0.account == text }) else {
            return text == marker.aggregator ? "the aggregator" : text
        }
        return marker.plan.sites[index].name
    }

    /// `budgetExhausted` as the reference page writes it: `budget_exhausted`.
    static func code(_ reason: SiteReason) -> String {
        "\(reason)".reduce(into: "") { text, character in
            text += character.isUppercase ? "_\(character.lowercased())" : "\(character)"
        }
    }

    private static func meaning(_ reason: SiteReason) -> String {
        switch reason {
        case .budgetExhausted: "the budget that the owner's policy gives is used up"
        case .localBudgetExhausted: "the site's own books say that the budget is used up"
        case .guaranteeTooWeak: "the policy asks for a stronger guarantee"
        case .dataUnavailable: "the site cannot reach its data"
        case .resourcesUnavailable: "the site cannot train now"
        case .modelUnavailable: "the model could not be fetched"
        default: "the owner's policy does not allow it"
        }
    }
}
