import Federation
import Ledger
import Node
import Primitives
import Privacy

/// Runs a prepared demo to its report: starts the processes, submits the job once, follows it, and measures.
struct DemoRun: Sendable {
    let folder: DemoFolder
    let tools: Installation
    let marker: DemoMarker
    let console: DemoConsole

    /// The run did not come to its end.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private var ledger: DemoLedger { DemoLedger(folder: folder) }
    private var accounts: [AccountID] { get throws { try marker.sites.map { try AccountID(text: $0.account) } } }

    func run() async throws -> DemoReport {
        let start = ContinuousClock.now
        let keeper = try ChildKeeper(executable: tools.executable, console: console)
        do {
            let report = try await watched(keeper) { try await conduct(keeper, since: start) }
            await keeper.stop()
            return report
        } catch {
            console.clear()
            await keeper.stop()
            throw error
        }
    }

    /// Runs `body` and ends it when a process cannot be kept up.
    private func watched(
        _ keeper: ChildKeeper, _ body: @escaping @Sendable () async throws -> DemoReport
    ) async throws -> DemoReport {
        try await withThrowingTaskGroup(of: DemoReport?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                while true {
                    try keeper.check()
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            guard let first = try await group.next(), let report = first else {
                throw Failed(description: "the run ended without a report")
            }
            group.cancelAll()
            return report
        }
    }

    private func conduct(_ keeper: ChildKeeper, since start: ContinuousClock.Instant) async throws -> DemoReport {
        let baselines = DemoBaselines(folder: folder, marker: marker)
        // Beside everything else: the federation's processes go first.
        async let compared = baselines.run()
        let test = try await BackgroundThread.run { try baselines.testData() }
        let evaluation = DemoEvaluation(ledger: ledger, test: test)

        startNode(keeper)
        let status = try await ledger.asking(atMost: .seconds(60)) { try await ledger.service.status() }
        console.line(console.dim("node up at height \(status.height), chain \(status.chain)"))
        startSites(keeper)
        try await storePublicObjects()
        let job = try await submitOnce()
        let progress = try await follow(job, evaluation)
        console.clear()
        console.line(console.dim("the job has ended; waiting for the comparisons and checking the books"))
        let accuracies = try await measured(progress, evaluation)
        let bought: DemoReport.Evaluation? =
            if let model = progress.models.last {
                try await DemoMarket(ledger: ledger, marker: marker, folder: folder, accounts: try accounts)
                    .evaluation(of: model)
            } else { nil }
        let results = try await compared
        let builder = DemoReportBuilder(
            folder: folder, marker: marker, ledger: ledger, job: job, accounts: try accounts, progress: progress)
        return try await builder.report(
            federation: accuracies, baselines: results, bought: bought, restarts: keeper.restarts,
            elapsed: ContinuousClock.now - start)
    }

    // MARK: Processes

    private func startNode(_ keeper: ChildKeeper) {
        keeper.start(
            .init(
                name: "node", arguments: ["run", "--config", folder.nodeConfiguration], log: folder.log("node")))
        for number in 1...marker.plan.options.validators where number > 1 {
            let name = DemoFolder.validatorName(number)
            keeper.start(
                .init(
                    name: name, arguments: ["run", "--config", "\(folder.validator(number))/node.toml"],
                    log: folder.log(name)))
        }
    }

    private func startSites(_ keeper: ChildKeeper) {
        for site in marker.plan.sites {
            var arguments = ["work", "--config", folder.sitePolicy(site.name)]
            if let option = site.behaviour.processOption { arguments += ["--misbehave", option] }
            keeper.start(.init(name: site.name, arguments: arguments, log: folder.log(site.name)))
        }
    }

    // MARK: The job

    /// The model and the holdout, where every party can fetch them.
    private func storePublicObjects() async throws {
        for path in [folder.model, folder.holdout] {
            try await ledger.put(try DurableFile.read(path, limitBytes: 1 << 28))
        }
    }

    /// Submits the job unless the ledger has it. The transaction always has the requester's first sequence number, so
    /// that the ledger itself refuses a second one.
    private func submitOnce() async throws -> Digest {
        let key = try SecretKey.load(from: folder.requesterKey)
        let requester = AccountID(key.publicKey)
        if let job = try await ledger.job(of: requester) {
            console.line(console.dim("job \(job.hex.prefix(12)) is on the ledger already"))
            return job
        }
        try await waitForSites()
        let file = try JobFile(text: DemoPreparation.text(folder.job), file: folder.job)
        let genesis = try Genesis.decode(try DurableFile.read(folder.genesis, limitBytes: 16 << 20))
        let terms = try await JobTermsBuilder(file, aggregator: try AccountID(text: marker.aggregator)).terms(
            model: try CID(text: marker.initialModel), holdout: try CID(text: marker.holdout))
        let height = try await ledger.asking { try await ledger.service.status().height }
        let transaction = Transaction(
            TransactionBody(
                chain: genesis.chain, account: requester, lane: 0, sequence: 0, validUntilHeight: height + 1_000,
                feeLimit: TransactionFees.agentLimit, module: FederationPaths.module,
                call: ActionCall(action: "submit", body: SubmitBody(terms: terms, escrow: file.escrow).encoded())),
            signedBy: [key])
        let receipt = try await ledger.asking {
            _ = try await ledger.service.submit(transaction.encoded)
            return try await ledger.service.receipt(of: transaction.id, waitingAtMost: .seconds(20))
        }
        guard let receipt, receipt.succeeded else {
            throw Failed(
                description: receipt.map { "the ledger refused the job with code \($0.resultCode): \($0.detail)" }
                    ?? "no block holds the job after 20 s")
        }
        guard let job = try await ledger.job(of: requester) else {
            throw Failed(description: "the job is decided, but its event is not in the log")
        }
        console.line(console.dim("job \(job.hex.prefix(12)) submitted, \(file.escrow) tokens in escrow"))
        return job
    }

    /// Sites say once on the ledger which dataset and which verifiers they have; the last thing they say is that they
    /// audit.
    private func waitForSites() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        for (site, account) in zip(marker.plan.sites, try accounts) {
            while try await ledger.record(AuditorRecord.self, at: FederationPaths.auditor(account)) == nil {
                guard ContinuousClock.now < deadline else {
                    throw Failed(
                        description: "\(site.name) is not ready after 60 s; see \(folder.log(site.name))")
                }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    // MARK: Following

    private func follow(_ job: Digest, _ evaluation: DemoEvaluation) async throws -> DemoProgress {
        let first = try await ledger.asking { try await ledger.service.status().height }
        var progress = DemoProgress(rounds: marker.plan.options.rounds, model: try CID(text: marker.initialModel))
        var cursor = EventCursor.start
        var roundStart = ContinuousClock.now
        while !progress.hasEnded {
            let after = cursor
            let page = try await ledger.asking {
                try await ledger.service.events(
                    EventQuery(
                        after: after, filter: EventFilter(module: FederationPaths.module), limit: 500,
                        wait: .milliseconds(500)))
            }
            for event in page.events {
                guard let news = try FederationNews(event), news.job == job else { continue }
                guard let notice = progress.take(news) else { continue }
                // What happened before this process began is not told again.
                let isOld = event.height <= first
                if case .settled(_, let model) = notice { await evaluation.prepare(model) }
                if !isOld { try await tell(notice, progress, evaluation, since: roundStart) }
                if case .settled = notice { roundStart = .now }
            }
            if cursor == .start, progress.settled > 0, !progress.hasEnded {
                console.line(console.dim("\(progress.settled) rounds were done before"))
            }
            cursor = page.next
            if !progress.hasEnded { console.show(progress.bar()) }
        }
        return progress
    }

    private func tell(
        _ notice: DemoProgress.Notice, _ progress: DemoProgress, _ evaluation: DemoEvaluation,
        since start: ContinuousClock.Instant
    ) async throws {
        switch notice {
        case .refused(let refusal):
            let name = DemoReportBuilder.name(of: refusal.account, marker)
            let reason = SiteReason(rawValue: refusal.reason).map(DemoReportBuilder.code) ?? "\(refusal.reason)"
            // Once is enough for a budget that stays used up.
            guard progress.refusals.first(where: { $0.account == refusal.account }) == refusal else { return }
            console.line("\(name) refuses \(refusal.round == 0 ? "the job" : "round \(refusal.round)"): \(reason)")
        case .slashed(let account, let round):
            let name = DemoReportBuilder.name(of: account, marker)
            console.line(console.warning("\(name) is slashed in round \(round): bytes that the job had seen before"))
        case .settled(let round, let model):
            let accuracy = try await evaluation.accuracy(model)
            let seconds = HumanUnits.fixed((ContinuousClock.now - start) / .seconds(1), decimals: 1)
            console.line(
                "round \(round)/\(progress.rounds): \(progress.accepted) updates accepted, "
                    + "\(progress.rejected) rejected, accuracy \(HumanUnits.fixed(accuracy, decimals: 3)), \(seconds) s"
            )
        case .ended(let end):
            guard end != .completed else { return }
            console.line(console.warning("the job ended early: \(end)"))
        }
    }

    private func measured(_ progress: DemoProgress, _ evaluation: DemoEvaluation) async throws -> [Double] {
        var accuracies: [Double] = []
        for model in progress.models { accuracies.append(try await evaluation.accuracy(model)) }
        return accuracies
    }
}
