import Ledger
import Primitives

@testable import Federation
@testable import Node

/// State and objects that a test puts together, record by record.
final class TableState: StateReader, ObjectReader, @unchecked Sendable {
    // Filled by its test before anything reads it, and by one task at a time: nothing is written while it is read.
    private var values: [[UInt8]: [UInt8]] = [:]
    private var objects: [CID: [UInt8]] = [:]
    /// Thrown in place of an object.
    var failures: [CID: any Error] = [:]
    let job = Digest.blake2b256([1])
    var terms: JobTerms
    var record: JobRecord { didSet { put(record, FederationPaths.job(job)) } }

    static let members = Samples.members.sorted()

    init(momentum: Int64 = 0) throws {
        terms = try Samples.terms(members: Self.members, momentum: momentum)
        record = JobRecord(requester: Samples.requester, terms: terms, payFund: .zero, now: 1_000_000)
        record.active = UInt32(Self.members.count)
        save()
    }

    /// Terms and record as they stand now.
    func save() {
        put(terms, FederationPaths.terms(job))
        put(record, FederationPaths.job(job))
    }

    func put(_ record: some CBORCodable, _ path: RecordPath) { values[path.bytes] = record.encoded() }

    @discardableResult
    func put(object: [UInt8]) -> CID {
        let id = CID.of(raw: object)
        objects[id] = object
        return id
    }

    func value(at path: [UInt8]) async throws -> [UInt8]? { values[path] }
    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { (1, 1_000_000) }

    func bytes(of id: CID) async throws -> [UInt8] {
        if let failure = failures[id] { throw failure }
        guard let bytes = objects[id] else { throw ServiceError(.notFound, "no object \(id.text)") }
        return bytes
    }

    func reader() async throws -> JobReader {
        guard let reader = try await JobReader(job: job, state: self) else { throw ServiceError(.notFound, "no job") }
        return reader
    }

    // MARK: Records

    func member(_ index: Int, _ status: MemberStatus, band: UInt32 = 1_000) {
        var member = MemberRecord(index: UInt32(index))
        member.status = status
        member.sizeBand = band
        put(member, FederationPaths.member(job, Self.members[index]))
    }

    func round(
        _ number: UInt32 = 1, _ phase: RoundPhase, model: CID = .of(raw: [0]), participants: [UInt32] = [0, 1, 2, 3],
        _ change: (inout RoundRecord) -> Void = { _ in }
    ) {
        var round = RoundRecord(model: model, participants: participants, deadlineMilliseconds: 2_000_000)
        round.phase = phase
        change(&round)
        record.round = number
        put(round, FederationPaths.round(job, number))
    }

    func submission(
        _ index: Int, _ state: SubmissionState, round: UInt32 = 1, update: CID? = nil, outcome: Outcome? = nil,
        size: UInt64 = 100
    ) {
        var submission = SubmissionRecord(state)
        submission.update = update
        submission.commitment = .blake2b256([UInt8(index)])
        submission.outcome = outcome
        submission.size = size
        put(submission, FederationPaths.submission(job, round, Self.members[index]))
    }
}
