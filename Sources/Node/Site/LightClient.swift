import Federation
import Ledger
import Primitives

/// Follows a chain through any node and believes nothing that is not proven: headers against the validators of the
/// configured genesis, values against headers, objects against their ids.
public actor LightClient: SiteGateway {
    public nonisolated let chain: CID
    private let service: any NodeService
    private let account: AccountID
    private var trust: TrustAnchor
    private let genesis: Genesis
    private var genesisState: MemoryStateStore?
    private var newest: Header?
    private var memory: HeadMemory?
    private var checked: (bytes: [UInt8], header: Header)?
    private var cursor = EventCursor.start
    private var reread = ContinuousClock.now + LightClient.rereadInterval
    private var jobs = KnownJobs()
    /// Events were read since the jobs were asked for.
    private var hasWaited = false
    /// An auditor needs the same updates twice, and everybody the models that were just made.
    private var recent = RecentObjects(limitBytes: 16 << 20)
    private let pollInterval: Duration
    private let objectLimitBytes: Int
    private let module: String
    private let acknowledgements: Set<String>

    /// Events of a page.
    static let eventLimit = 500
    /// Pages of events that are read before the client does something else.
    static let pageLimit = 64
    /// A node's word alone says which events there are; now and then they are read again from the first, so that what a
    /// liar has hidden is not hidden for ever.
    static let rereadInterval: Duration = .seconds(600)

    /// - Parameters:
    ///   - genesis: the configured genesis, encoded; its CID is the chain's id and it names the first validators.
    ///   - account: whose events wake the client.
    ///   - objectLimitBytes: a larger object is not read to its end.
    ///   - module: whose jobs or tasks the client follows.
    ///   - acknowledgements: kinds of that module's events that ask nothing of the account they name.
    ///   - memory: what was seen in an earlier life; nothing older is believed.
    public init(
        service: any NodeService, genesis: Genesis, account: AccountID, pollInterval: Duration = .seconds(1),
        objectLimitBytes: Int = 256 << 20, module: String = FederationPaths.module,
        acknowledgements: Set<String> = [], memory: HeadMemory? = nil
    ) {
        self.acknowledgements = acknowledgements
        self.memory = memory
        newest = memory?.header
        self.module = module
        self.service = service
        self.account = account
        self.genesis = genesis
        chain = genesis.chain
        trust = TrustAnchor(genesis: genesis)
        self.pollInterval = pollInterval
        self.objectLimitBytes = objectLimitBytes
    }

    // MARK: State

    public func value(at path: [UInt8]) async throws -> [UInt8]? {
        do { return try await provenValue(at: path) } catch let error as LightClientError { throw turnAway(error) }
    }

    public func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
        do { return try await provenValues(at: paths) } catch let error as LightClientError { throw turnAway(error) }
    }

    /// A node whose answer does not hold is asked no more while there is another.
    private func turnAway(_ error: LightClientError) -> LightClientError {
        service.turnAway()
        reread = .now
        return error
    }

    private func provenValue(at path: [UInt8]) async throws -> [UInt8]? {
        // Answers may overtake one another: an answer is old only if it is older than what was known when it was asked
        // for.
        let known = newest
        let answer = try await service.state(at: path)
        guard answer.anchor.height > 0 else { return try genesisValue(at: path, known) }
        return try Self.value(at: path, proof: answer.proof, under: try await accept(answer.anchor, known))
    }

    /// More than a node answers at once are several questions: values of different states, if a block comes between.
    private func provenValues(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
        var values: [[UInt8]?] = []
        while values.count < paths.count {
            let part = Array(paths[values.count...].prefix(ProvenValues.pathLimit))
            let known = newest
            let answer = try await service.values(at: part)
            guard answer.anchor.height > 0 else {
                values += try part.map { try genesisValue(at: $0, known) }
                continue
            }
            let header = try await accept(answer.anchor, known)
            guard answer.entries.count == part.count else {
                throw LightClientError.proof(
                    path: "\(part.count) paths", reason: "\(answer.entries.count) were answered")
            }
            for (path, entry) in zip(part, answer.entries) {
                values.append(try Self.value(at: path, proof: entry.proof, under: header))
            }
        }
        return values
    }

    private static func value(at path: [UInt8], proof: [UInt8], under header: Header) throws -> [UInt8]? {
        let name = String(decoding: path, as: UTF8.self)
        do {
            let proof = try StateProof.decode(proof)
            guard proof.question == .path(path) else {
                throw LightClientError.proof(path: name, reason: "the proof is for another path")
            }
            switch try proof.verify(root: header.stateRoot) {
            case .value(let value): return value
            case .absent: return nil
            case .entries: throw LightClientError.proof(path: name, reason: "the proof lists a prefix")
            }
        } catch let error as LightClientError {
            throw error
        } catch {
            throw LightClientError.proof(path: name, reason: "\(error)")
        }
    }

    /// Before the first block nothing is certified: the client executes the genesis itself. A node that has shown a
    /// block cannot go back to it.
    private func genesisValue(at path: [UInt8], _ known: Header?) throws -> [UInt8]? {
        if let known { throw LightClientError.stale(height: 0, known: known.height) }
        if genesisState == nil {
            let store = MemoryStateStore()
            try LedgerState.makeGenesis(genesis, rules: Rules(NodeRuntime.modules), store: store)
            genesisState = store
        }
        return genesisState?.get(path)
    }

    public func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) {
        if newest == nil { _ = try await value(at: Account.path(account)) }
        return (newest?.height ?? 0, newest?.timeMilliseconds ?? genesis.timeMilliseconds)
    }

    /// Checks a certified header and remembers it if it is newer. Going back is refused: an old state must not be sold
    /// as the present one.
    private func accept(_ anchor: CertifiedHeader, _ known: Header?) async throws -> Header {
        if let checked, checked.bytes == anchor.header { return checked.header }
        let header: Header
        do {
            header = try Header.decode(anchor.header)
            let certificate = try Certificate.decode(anchor.certificate)
            guard header.chain == chain else {
                throw LightClientError.otherChain(expected: chain, found: header.chain)
            }
            let certified = Ledger.CertifiedHeader(header: header, certificate: certificate)
            if trust.isBehind(header) {
                var ahead = trust
                try await ahead.follow(to: header, of: service)
                // Another question may have come further meanwhile.
                if ahead.firstHeight > trust.firstHeight { trust = ahead }
            }
            try trust.verify(certified)
        } catch let error as ServiceError {
            throw error
        } catch let error as LightClientError {
            throw error
        } catch {
            throw LightClientError.certificate(height: anchor.height, reason: "\(error)")
        }
        if let known, header.height < known.height {
            throw LightClientError.stale(height: header.height, known: known.height)
        }
        if let newest {
            guard header.height > newest.height else {
                guard header.height < newest.height || header == newest else {
                    throw LightClientError.conflict(height: header.height, known: newest.id, found: header.id)
                }
                return header
            }
        }
        newest = header
        genesisState = nil
        checked = (anchor.header, header)
        try memory?.keep(header)
        return header
    }

    // MARK: Events

    public func jobs(concerning account: AccountID) async throws -> [Digest] {
        // Whoever has just waited for events has read them.
        if !hasWaited { try await readEvents(wait: .zero) }
        hasWaited = false
        return jobs.list
    }

    /// Tasks of the market that name the account; for a client of that module.
    public func tasks() async throws -> [Digest] { try await jobs(concerning: account) }

    /// A job or task that has ended, or an id that is none; an event that names it brings it back.
    public func forget(_ job: Digest) {
        jobs.forget(job)
    }

    /// Returns when an event asks something of the account: those that say what it has done itself do not wake it.
    public func waitForBlock(after height: UInt64) async throws {
        let end = ContinuousClock.now + pollInterval
        while try await !readEvents(wait: max(.zero, end - .now)), .now < end {}
        hasWaited = true
    }

    /// Events are hints and need no proof: who hides them from a site only makes it late. Where the next ones begin is
    /// taken from events that came, not from what a page says of it.
    ///
    /// - Returns: whether there may be something to do.
    @discardableResult
    private func readEvents(wait: Duration) async throws -> Bool {
        if reread <= .now {
            reread = .now + Self.rereadInterval
            cursor = .start
        }
        var wait = wait
        var isCalled = false
        for _ in 0..<Self.pageLimit {
            let page: EventPage
            do throws(ServiceError) {
                page = try await service.events(
                    EventQuery(
                        after: cursor, filter: EventFilter(module: module, account: account), limit: Self.eventLimit,
                        wait: wait))
            } catch {
                guard error.code == .pruned, let first = error.firstKeptSequence, first > cursor.sequence &+ 1 else {
                    throw error
                }
                try await readJobs()
                cursor = EventCursor(sequence: first - 1)
                isCalled = true
                continue
            }
            for event in page.events {
                jobs.note(event)
                isCalled = isCalled || !acknowledgements.contains(event.kind)
            }
            let last = page.events.last?.cursor ?? cursor
            // A page that is not full was the last one that there is.
            guard last > cursor, page.events.count >= Self.eventLimit else {
                cursor = max(cursor, last)
                break
            }
            cursor = last
            wait = .zero
        }
        return isCalled
    }

    /// Where events are not kept any more, the state says which jobs there are. Which of them are this account's is
    /// read from their terms.
    private func readJobs() async throws {
        let prefix = Array("m/\(module)/j/".utf8)
        var start: [UInt8]?
        for _ in 0..<Self.pageLimit {
            let page: ProvenListing
            do throws(ServiceError) {
                page = try await service.list(prefix: prefix, after: start, limit: 500)
            } catch {
                // More than a node lists at once: jobs come up when something happens in them.
                guard error.code == .tooLarge else { throw error }
                return
            }
            for entry in page.entries {
                // Most are over, as their records say; a liar who says so is contradicted by the next event.
                guard (try? JobRecord.decode(entry.value))?.status.hasEnded != true,
                    let job = Digest(bytes: entry.path.suffix(Digest.byteCount)), !jobs.list.contains(job)
                else { continue }
                jobs.remember(job)
            }
            guard page.hasMore, let last = page.entries.last?.path, last != start else { return }
            start = last
        }
    }

    // MARK: Objects and transactions

    public func object(_ id: CID) async throws -> [UInt8] { try await object(id, atMost: objectLimitBytes) }

    public func object(_ id: CID, atMost limit: Int) async throws -> [UInt8] {
        if let bytes = recent.object(id), bytes.count <= limit { return bytes }
        let limit = min(limit, objectLimitBytes)
        let sink = CheckedSink(limitBytes: limit)
        do throws(ServiceError) {
            _ = try await service.getObject(id, into: sink)
        } catch {
            // Another node may have it.
            if error.code == .notFound { service.turnAway() }
            guard error.code == .digestMismatch else { throw error }
        }
        guard let (bytes, digest) = sink.finish(), CID(codec: .raw, digest: digest) == id else {
            throw turnAway(.object(expected: id))
        }
        guard let bytes else { throw LightClientError.oversized(id, limitBytes: limit) }
        recent.keep(bytes, as: id)
        return bytes
    }

    public func store(object: [UInt8], as id: CID) async throws {
        _ = try await service.putObject(id, from: BytesSource(object))
    }

    /// The id is checked, the code is the node's word: callers read the state anew and believe that.
    public func submit(_ transaction: Transaction) async throws -> ResultCode {
        switch try await service.submit(transaction.encoded, waitingAtMost: .seconds(10)) {
        case .decided(let receipt): return try code(of: receipt, for: transaction.id)
        case .pending(let id):
            guard id == transaction.id else { throw turnAway(.receipt(expected: transaction.id, found: id)) }
            guard let receipt = try await service.receipt(of: id, waitingAtMost: .seconds(30)) else {
                throw ServiceError(.timeout, "no block holds transaction \(id) after 30 s")
            }
            return try code(of: receipt, for: transaction.id)
        }
    }

    private func code(of receipt: TransactionReceipt, for id: Digest) throws -> ResultCode {
        guard receipt.id == id else { throw turnAway(.receipt(expected: id, found: receipt.id)) }
        return ResultCode(rawValue: receipt.resultCode)
    }
}
