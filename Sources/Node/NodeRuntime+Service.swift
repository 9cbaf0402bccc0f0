import Ledger
import Primitives
import Storage

/// The node as its users see it. Queries run on the kernel's thread between two steps; each is short and bounded.
extension NodeRuntime: NodeService {
    public static let version = "0.1.0"

    // MARK: What the node is and how it fares

    public func status() async throws(ServiceError) -> NodeStatus {
        let (chain, started) = (chain, started)
        let aggregator = aggregator?.text
        let key = validatorKey
        return try await query { host in
            let head = host.kernel.head
            var notes: [String] = []
            if head.validators.validators.count == 1 {
                notes.append("one validator decides alone: it can foresee its beacons and could leave transactions out")
            }
            if host.signingHold != nil {
                notes.append("restored from a backup: signs nothing before a block that was made afterwards is final")
            }
            if let planned = host.planned {
                notes.append("\(planned.engine) orders blocks from height \(planned.height) on")
            }
            return NodeStatus(
                version: Self.version, role: head.validators.power(of: key) == nil ? "observer" : "validator",
                chain: chain.text, height: head.height,
                head: head.headerID.hex,
                stateRoot: head.certified?.header.stateRoot.hex ?? host.state().store.root().hex,
                headTimeMilliseconds: head.timeMilliseconds,
                firstKeptHeight: try host.archive.database.firstKeptHeight(),
                engine: host.kernel.engineInCharge.engine,
                rulesVersion: UInt64(host.kernel.configuration.genesis.rulesVersion(at: head.height + 1)),
                validators: head.validators.validators.count, pendingTransactions: host.kernel.mempool.count,
                transactions: host.transactionCount,
                uptimeMilliseconds: (ContinuousClock.now - started).wholeMilliseconds,
                notes: notes, plugins: host.engineStatus.map { [$0] } ?? [], aggregator: aggregator)
        }
    }

    public func health() async throws(ServiceError) -> NodeHealth {
        let trouble = try await query { $0.trouble }
        var findings = [
            NodeHealth.Finding(
                check: "kernel", healthy: trouble == nil, detail: trouble ?? "blocks are stored and decided",
                mend: trouble == nil ? nil : "see the log; free disk space; the node goes on by itself when it can")
        ]
        if let trouble = await network?.sync.trouble {
            findings.append(
                NodeHealth.Finding(
                    check: "network", healthy: false, detail: trouble,
                    mend:
                        "see vinculum network doctor; where peers agree, this program may be the odd one: "
                        + "compare versions"
                ))
        }
        return NodeHealth(findings: findings)
    }

    public func metrics() async throws(ServiceError) -> [MetricSample] {
        try await query { host in
            [
                MetricSample(NodeMetrics.height, value: Double(host.kernel.head.height)),
                MetricSample(NodeMetrics.transactions, value: Double(host.transactionCount)),
                MetricSample(NodeMetrics.pending, value: Double(host.kernel.mempool.count)),
                MetricSample(NodeMetrics.pendingBytes, value: Double(host.kernel.mempool.byteCount)),
                MetricSample(NodeMetrics.stateBytes, value: Double(host.state().store.contentByteCount)),
                MetricSample(NodeMetrics.stateEntries, value: Double(host.state().store.count)),
                MetricSample(NodeMetrics.healthy, value: host.trouble == nil ? 1 : 0),
            ]
        }
    }

    public func genesis() async throws(ServiceError) -> [UInt8] { genesisBytes }

    // MARK: Transactions

    public func submit(
        _ envelope: [UInt8], waitingAtMost wait: Duration
    ) async throws(ServiceError) -> SubmissionOutcome {
        let admitted = try await admit(envelope)
        guard wait > .zero, case .pending(let id) = admitted else { return admitted }
        return try await receipt(of: id, waitingAtMost: wait).map { .decided($0) } ?? admitted
    }

    private func admit(_ envelope: [UInt8]) async throws(ServiceError) -> SubmissionOutcome {
        guard let verified = await TransactionVerifier.verify([envelope]).first else {
            throw ServiceError(.internal, "the verifier gave no answer")
        }
        switch verified {
        case .failure(let refusal): throw Self.refused(refusal)
        case .success(let transaction):
            let outcome: SubmissionOutcome = try await query { host in
                try host.admit([transaction])
                guard let refusal = host.refusal(of: transaction.id) else { return .pending(id: transaction.id) }
                // Sent again after its block was made, as after a lost answer.
                if let receipt = try Self.receipt(of: transaction.id, host) { return .decided(receipt) }
                throw Self.refused(refusal)
            }
            if let network, case .pending = outcome { await network.tell(envelope) }
            return outcome
        }
    }

    private static func refused(_ refusal: Refusal) -> ServiceError {
        if refusal.code == .mempoolFull {
            return ServiceError(.busy, refusal.detail, hint: "try again later", resultCode: refusal.code.rawValue)
        }
        return ServiceError(.refused, refusal.detail, resultCode: refusal.code.rawValue)
    }

    public func receipt(
        of id: Digest, waitingAtMost timeout: Duration
    ) async throws(ServiceError) -> TransactionReceipt? {
        let deadline = ContinuousClock.now + timeout
        while true {
            let height = signal.height
            if let receipt = try await query({ try Self.receipt(of: id, $0) }) { return receipt }
            if let refusal = try await query({ $0.refusal(of: id) }) { throw Self.refused(refusal) }
            let left = deadline - ContinuousClock.now
            if left <= .zero { return nil }
            await signal.wait(above: height, atMost: left)
            if Task.isCancelled { return nil }
        }
    }

    private static func receipt(of id: Digest, _ host: KernelHost) throws -> TransactionReceipt? {
        guard let stored = try host.archive.transaction(id: id) else { return nil }
        return receipt(stored)
    }

    private static func receipt(_ stored: LedgerArchive.StoredTransaction) -> TransactionReceipt {
        TransactionReceipt(
            id: stored.transaction.id, slot: stored.slot, height: stored.height,
            resultCode: stored.receipt.code.rawValue, detail: "", fee: stored.receipt.fee,
            encoded: stored.receipt.encoded())
    }

    public func transaction(_ reference: TransactionReference) async throws(ServiceError) -> ProvenTransaction {
        try await query { host in
            let stored: LedgerArchive.StoredTransaction
            switch reference {
            case .slot(let slot): stored = try host.archive.transaction(slot: slot)
            case .id(let id):
                guard let found = try host.archive.transaction(id: id) else {
                    throw LedgerArchiveError.notFound("transaction \(id)")
                }
                stored = found
            }
            try host.checkDurable()
            guard let head = host.kernel.head.certified else { throw LedgerArchiveError.notFound("a first block") }
            let proof = try host.archive.prove(slot: stored.slot, history: host.kernel.history, head: head)
            return ProvenTransaction(
                slot: stored.slot, envelope: stored.transaction.encoded, receipt: Self.receipt(stored),
                proof: proof.encoded(), anchor: Self.anchor(head))
        }
    }

    // MARK: State

    public func account(_ id: AccountID) async throws(ServiceError) -> AccountView {
        try await query { host in
            try host.checkDurable()
            return try AccountView(id, &host)
        }
    }

    public func state(at path: [UInt8]) async throws(ServiceError) -> ProvenValue {
        try await query { host in
            try host.checkDurable()
            let value = host.state().store.get(path)
            guard let proven = host.prove(path) else {
                return ProvenValue(path: path, value: value, proof: [], anchor: .genesis)
            }
            return ProvenValue(
                path: path, value: value, proof: proven.proof.encoded(), anchor: Self.anchor(proven.certified))
        }
    }

    public func values(at paths: [[UInt8]]) async throws(ServiceError) -> ProvenValues {
        guard (1...ProvenValues.pathLimit).contains(paths.count) else {
            throw ServiceError(.malformed, "takes 1 to \(ProvenValues.pathLimit) paths", field: "paths")
        }
        return try await query { host in
            try host.checkDurable()
            var answer = ProvenValues(entries: [], anchor: .genesis)
            for path in paths {
                let proven = host.prove(path)
                if let proven, answer.entries.isEmpty { answer.anchor = Self.anchor(proven.certified) }
                answer.entries.append(
                    .init(path: path, value: host.state().store.get(path), proof: proven?.proof.encoded() ?? []))
            }
            return answer
        }
    }

    public func list(
        prefix: [UInt8], after start: [UInt8]?, limit: Int
    ) async throws(ServiceError) -> ProvenListing {
        try await query { host in
            try host.checkDurable()
            let store = host.state().store
            try ListingLimit.check(prefix, in: store)
            let proven = host.prove(prefix: prefix)
            let from = start.map { $0 + [0] } ?? []
            let entries = store.scan(prefix: prefix, from: from, limit: limit + 1)
            return ProvenListing(
                prefix: prefix, entries: entries.prefix(limit).map { .init(path: $0.path, value: $0.value) },
                hasMore: entries.count > limit, proof: proven?.proof.encoded() ?? [],
                anchor: proven.map { Self.anchor($0.certified) } ?? .genesis)
        }
    }

    private static func anchor(_ certified: Ledger.CertifiedHeader) -> CertifiedHeader {
        CertifiedHeader(
            height: certified.header.height, header: certified.header.encoded(),
            certificate: certified.certificate.encoded())
    }

    // MARK: Blocks and events

    public func headers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        try await query { host in
            let first = max(height, 1)
            let last = host.kernel.head.height
            guard first <= last, limit > 0 else { return [] }
            let end = min(last, first + UInt64(limit) - 1)
            var sets: [UInt64: ValidatorSet] = [:]
            for handover in try host.archive.handovers(
                from: first, through: end, limit: limit, genesis: host.kernel.configuration.genesis)
            {
                sets[handover.certified.header.height] = handover.validators
            }
            return try (first...end).map { height in
                var header = Self.anchor(try host.archive.certifiedHeader(height: height))
                header.newValidators = sets[height]?.encoded()
                return header
            }
        }
    }

    public func handovers(from height: UInt64, limit: Int) async throws(ServiceError) -> [CertifiedHeader] {
        try await query { host in
            guard limit > 0 else { return [] }
            try host.checkDurable()
            let genesis = host.kernel.configuration.genesis
            return try host.archive.handovers(from: height, limit: limit, genesis: genesis).map { handover in
                var header = Self.anchor(handover.certified)
                header.newValidators = handover.validators.encoded()
                return header
            }
        }
    }

    public func events(_ query: EventQuery) async throws(ServiceError) -> EventPage {
        guard query.filter.kind == nil || query.filter.module != nil else {
            throw ServiceError(.malformed, "needs the module that the kind is of", field: "kind")
        }
        let deadline = ContinuousClock.now + query.wait
        var query = query
        while true {
            let height = signal.height
            let (page, isAtEnd) = try await self.query { [query] host in try Self.events(query, host) }
            if !page.events.isEmpty || Task.isCancelled { return page }
            query.after = page.next
            guard isAtEnd else { continue }
            let left = deadline - ContinuousClock.now
            if left <= .zero { return page }
            await signal.wait(above: height, atMost: left)
        }
    }

    /// Blocks that are read for a page before the kernel's thread does something else.
    private static let blocksPerPage = 4_096

    private static func events(_ query: EventQuery, _ host: KernelHost) throws -> (EventPage, isAtEnd: Bool) {
        let filter = query.filter
        let found = try host.archive.events(
            after: query.after.sequence, module: filter.module, kind: filter.kind, pathPrefix: filter.pathPrefix,
            account: filter.account, limit: query.limit, blockLimit: blocksPerPage)
        let records = found.events.map { logged in
            EventRecord(
                cursor: EventCursor(sequence: logged.cursor), height: logged.height, module: logged.event.module,
                kind: logged.event.kind, path: logged.event.path, accounts: logged.event.accounts,
                payload: logged.event.payload)
        }
        return (EventPage(events: records, next: EventCursor(sequence: found.next)), found.isAtEnd)
    }

    public func namedCursor(_ name: String) async throws(ServiceError) -> EventCursor? {
        try await query { host in
            let sequence = try host.archive.database.cursor(name)
            return sequence == 0 ? nil : EventCursor(sequence: sequence)
        }
    }

    public func setNamedCursor(_ name: String, to cursor: EventCursor) async throws(ServiceError) {
        guard cursor <= .last else {
            throw ServiceError(.malformed, "has to be a number of at most \(EventCursor.last)", field: "cursor")
        }
        try await query { try $0.archive.database.setCursor(name, to: cursor.sequence) }
    }

    // MARK: The kernel's thread

    /// Runs a query between two steps of the kernel and says its errors in the service's words.
    private func query<Answer: Sendable>(
        _ body: @escaping @Sendable (inout KernelHost) throws -> Answer
    ) async throws(ServiceError) -> Answer {
        do {
            return try await kernel.perform(body)
        } catch let error as ServiceError {
            throw error
        } catch LedgerArchiveError.notFound(let what) {
            throw ServiceError(.notFound, "not found: \(what)")
        } catch LedgerArchiveError.storage(.pruned(let height, let sequence)) {
            throw ServiceError(
                .pruned, "history before height \(height) is not kept here", firstKeptSequence: sequence)
        } catch let error as Refusal {
            throw Self.refused(error)
        } catch is ThreadStopped {
            throw ServiceError(.unavailable, "the node is stopping")
        } catch {
            throw ServiceError(.internal, "\(error)")
        }
    }
}

extension AccountView {
    /// The committed account, and the sequences after what waits in the pool.
    init(_ id: AccountID, _ host: inout KernelHost) throws(Refusal) {
        let state = host.state()
        let account = try state.account(id)
        var next: [UInt8: UInt64] = [:]
        for lane in 0..<LaneSequences.laneCount {
            let waiting = host.kernel.mempool.nextSequence(of: id, lane: lane) ?? 0
            let sequence = max(account.sequences[lane], waiting)
            if sequence > 0 { next[lane] = sequence }
        }
        self.init(
            id: id, exists: state.store.get(Account.path(id)) != nil, balance: account.balance, nextSequences: next,
            authorisation: account.authorisation?.encoded(), height: host.kernel.head.height)
    }
}
