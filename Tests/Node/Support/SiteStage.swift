import Federation
import Ledger
import LedgerSupport
import Logging
import Primitives
import Privacy
import Synchronization
import TestSupport

@testable import Node

/// The end of a process: from some call on, nothing works any more.
struct Killed: Error {}

/// Ends a process before or after its n-th call.
final class Fuse: Sendable {
    enum Moment: Sendable, CaseIterable { case before, after }

    private let calls = Mutex(0)
    private let limit: Int
    private let moment: Moment

    /// - Parameter limit: the number of the last call that is reached; never burns without one.
    init(limit: Int = .max, _ moment: Moment = .before) {
        self.limit = limit
        self.moment = moment
    }

    var count: Int { calls.withLock { $0 } }
    var hasBurnt: Bool { count >= limit }

    func around<Result>(_ body: () async throws -> Result) async throws -> Result {
        let number = calls.withLock { calls in
            calls += 1
            return calls
        }
        guard number <= limit, number < limit || moment == .after else { throw Killed() }
        let result = try await body()
        guard number < limit else { throw Killed() }
        return result
    }
}

/// A world as one site sees it.
struct WorldGateway: SiteGateway {
    let world: FederationWorld
    var fuse = Fuse()
    /// Thrown in place of every answer.
    var failure: ServiceError?
    /// What the node says of a transaction, beside what is true.
    var told: (@Sendable (Transaction, ResultCode) -> ResultCode)?
    /// Transactions that the node says to be in a block, and that are in none.
    var swallows: (@Sendable (Transaction) -> Bool)?
    let swallowed = Shared(Mutex(0))
    var chain: CID { LedgerHarness.chain }

    private func call<Result>(_ body: () async throws -> Result) async throws -> Result {
        if let failure { throw failure }
        return try await fuse.around(body)
    }

    func value(at path: [UInt8]) async throws -> [UInt8]? { try await call { await world.value(at: path) } }
    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { try await call { await world.head() } }
    func jobs(concerning account: AccountID) async throws -> [Digest] { try await call { await world.heardOf } }
    func forget(_ job: Digest) async { await world.forget(job) }

    func object(_ id: CID) async throws -> [UInt8] { try await call { try await world.bytes(of: id) } }
    func object(_ id: CID, atMost limit: Int) async throws -> [UInt8] {
        try await call { try await world.bytes(of: id, atMost: limit) }
    }

    func store(object: [UInt8], as id: CID) async throws { try await call { _ = await world.store(object) } }

    func submit(_ transaction: Transaction) async throws -> ResultCode {
        if swallows?(transaction) == true {
            swallowed.value.withLock { $0 += 1 }
            return .ok
        }
        let code = try await call { try await world.submit(transaction) }
        return told?(transaction, code) ?? code
    }

    func waitForBlock(after height: UInt64) async throws { try await Task.sleep(for: .milliseconds(1)) }
}

/// Work whose every result is other bytes, as noise makes them.
final class StubWork: RoundWork {
    struct State {
        var prepared: [PreparedUpdate] = []
        var failures: [any Error] = []
        var costFailures: [any Error] = []
        var cost: CostVector?
        var preparedCost: CostVector?
    }

    let state = Mutex(State())
    private let fuse: Fuse

    init(fuse: Fuse = Fuse()) { self.fuse = fuse }

    var count: Int { state.withLock { $0.prepared.count } }

    func cost(of terms: JobTerms) async throws -> CostVector {
        let failure = state.withLock { $0.costFailures.isEmpty ? nil : $0.costFailures.removeFirst() }
        if let failure { throw failure }
        return state.withLock { $0.cost } ?? terms.costPerRound
    }

    func prepare(_ assignment: RoundAssignment) async throws -> PreparedUpdate {
        try await fuse.around {
            let failure = state.withLock { $0.failures.isEmpty ? nil : $0.failures.removeFirst() }
            if let failure { throw failure }
            let cost = state.withLock { $0.preparedCost } ?? assignment.terms.costPerRound
            let update = PreparedUpdate(bytes: SecureRandom.bytes(count: 40), cost: cost)
            state.withLock { $0.prepared.append(update) }
            return update
        }
    }
}

struct NoAudit: AuditWork {
    func judge(_ job: JobReader, round: UInt32, objects: any ObjectReader) async throws -> AuditFinding {
        AuditFinding(outcomes: [], evidence: [])
    }

    func confirmed(
        _ proposal: ModelProposal, _ job: JobReader, round: UInt32, objects: any ObjectReader
    ) async throws -> [UInt8]? { nil }
}

/// Remembers what is logged.
struct LinesHandler: LogHandler {
    final class Lines: Sendable {
        private let all = Mutex<[String]>([])
        func add(_ line: String) { all.withLock { $0.append(line) } }
        var list: [String] { all.withLock { $0 } }
        func count(containing text: String) -> Int { list.count { $0.contains(text) } }
    }

    let lines: Lines
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.info
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.level) \(event.message)") }
}

/// The folder of one site, and the processes that live in it one after another.
final class SiteStage: Sendable {
    static let key: UInt64 = 11
    let world: FederationWorld
    let folder: TemporaryFolder
    let work: StubWork
    let lines = LinesHandler.Lines()

    init(_ world: FederationWorld, work: StubWork = StubWork()) throws {
        self.world = world
        self.work = work
        folder = try TemporaryFolder()
    }

    var logPath: String { folder.path("spending.journal") }
    var objectFolder: String { folder.path("objects") }

    /// A process of the site.
    ///
    /// - Parameter name: another process of the same time needs another log.
    func agent(
        at name: String = "spending.journal", key: UInt64 = SiteStage.key, gateway: WorldGateway? = nil,
        work: StubWork? = nil, roundWork: (any RoundWork)? = nil, audit: any AuditWork = NoAudit(),
        rules: SiteRules = Samples.rules(), settings: SiteAgent.Settings = .quick
    ) throws -> SiteAgent {
        let gateway = gateway ?? WorldGateway(world: world)
        return SiteAgent(
            gateway: gateway,
            sender: SignedSender(key: LedgerHarness.key(key), lane: 0, gateway: gateway, feeLimit: .zero),
            policy: rules, work: roundWork ?? work ?? self.work, audit: audit,
            objects: try ObjectStore(folder: objectFolder),
            log: try SpendingLog(path: folder.path(name)), dataset: FederationWorld.dataset(of: key),
            logger: Logger(label: "site") { _ in LinesHandler(lines: self.lines) }, settings: settings)
    }

    /// The agent and all others act in turn until the job has ended or nobody has anything to do.
    func play(_ agent: SiteAgent, job: Digest, turns: Int = 60) async throws {
        for _ in 0..<turns {
            let acted = try await agent.turn()
            let moved = try await world.moveOthers()
            if try await world.reader(job).record()?.status.hasEnded == true { return }
            if !acted, !moved { return }
        }
    }

    func submission(_ job: Digest, _ round: UInt32) async throws -> SubmissionRecord? {
        try await world.reader(job).submission(round, LedgerHarness.account(Self.key))
    }

    func member(_ job: Digest) async throws -> MemberRecord? {
        try await world.reader(job).member(LedgerHarness.account(Self.key))
    }
}

extension SiteAgent.Settings {
    /// Retries and commits at once, long before any deadline.
    static var quick: Self {
        var settings = Self()
        settings.firstWait = .zero
        settings.commitStep = .zero
        settings.now = { 0 }
        return settings
    }
}
