import Federation
import Ledger
import Primitives
import Privacy

/// Reads values of the ledger's state. The node reads its own tree; a site's reader checks a proof for each value, so
/// that everything built on it trusts nobody.
public protocol StateReader: Sendable {
    /// The value at a path in the newest state this reader knows, or nil where the state has none.
    func value(at path: [UInt8]) async throws -> [UInt8]?
    /// The values at several paths, in their order. Up to `ProvenValues.pathLimit` of them are of one state.
    func values(at paths: [[UInt8]]) async throws -> [[UInt8]?]
    /// Height and time of that state.
    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64)
}

/// A record of the ledger that does not decode: the node and this program do not speak the same version.
public struct UnreadableRecord: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: CBORError

    public var description: String { "the record at \(path) cannot be read: \(reason)" }
}

extension StateReader {
    public func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
        var values: [[UInt8]?] = []
        for path in paths { values.append(try await value(at: path)) }
        return values
    }

    /// Reads and decodes a record.
    public func record<Record: CBORCodable>(_ type: Record.Type, at path: [UInt8]) async throws -> Record? {
        guard let bytes = try await value(at: path) else { return nil }
        do {
            return try Record.decode(bytes)
        } catch {
            throw UnreadableRecord(path: String(decoding: path, as: UTF8.self), reason: error)
        }
    }
}

/// A job as one party sees it: its terms never change, the rest is read anew each time.
public struct JobReader: Sendable {
    public let job: Digest
    public let terms: JobTerms
    public let state: any StateReader

    /// Nil when the ledger knows no such job.
    public init?(job: Digest, state: any StateReader) async throws {
        guard let terms = try await state.record(JobTerms.self, at: FederationPaths.terms(job).bytes) else {
            return nil
        }
        self.init(job: job, terms: terms, state: state)
    }

    /// - Parameter terms: as they were read before.
    init(job: Digest, terms: JobTerms, state: any StateReader) {
        self.job = job
        self.terms = terms
        self.state = state
    }

    /// The same job, read from a state of which these values are known: one question to a node instead of many.
    func readingAhead(_ paths: [[UInt8]]) async throws -> JobReader {
        JobReader(job: job, terms: terms, state: try await ReadAhead(paths, of: state))
    }

    /// With all that is asked of a round's updates: what was submitted, and by whom.
    func readingSubmissions(_ number: UInt32, of indices: [UInt32]) async throws -> JobReader {
        let accounts = indices.filter { $0 < terms.members.count }.map { terms.members[Int($0)] }
        return try await readingAhead(
            accounts.flatMap {
                [FederationPaths.submission(job, number, $0).bytes, FederationPaths.member(job, $0).bytes]
            })
    }

    public func record() async throws -> JobRecord? {
        try await state.record(JobRecord.self, at: FederationPaths.job(job).bytes)
    }

    public func round(_ number: UInt32) async throws -> RoundRecord? {
        try await state.record(RoundRecord.self, at: FederationPaths.round(job, number).bytes)
    }

    public func member(_ account: AccountID) async throws -> MemberRecord? {
        try await state.record(MemberRecord.self, at: FederationPaths.member(job, account).bytes)
    }

    public func submission(_ round: UInt32, _ account: AccountID) async throws -> SubmissionRecord? {
        try await state.record(SubmissionRecord.self, at: FederationPaths.submission(job, round, account).bytes)
    }

    public func verdict(_ round: UInt32, _ auditor: AccountID) async throws -> VerdictRecord? {
        try await state.record(VerdictRecord.self, at: FederationPaths.verdict(job, round, auditor).bytes)
    }

    /// The deadline of what the job waits for, in milliseconds since 1970; nil for a job that has ended.
    public func deadlineMilliseconds() async throws -> UInt64? {
        guard let record = try await record(), !record.status.hasEnded else { return nil }
        if record.status == .inviting { return record.acceptDeadlineMilliseconds }
        return try await round(record.round)?.deadlineMilliseconds
    }

    /// Where the round's model comes from; nil when the round published none.
    public func lineage(_ round: UInt32) async throws -> LineageRecord? {
        try await state.record(LineageRecord.self, at: FederationPaths.lineage(job, round).bytes)
    }

    /// The submissions of a round's participants, by member index, where there are any.
    public func submissions(_ number: UInt32, of round: RoundRecord) async throws -> [UInt32: SubmissionRecord] {
        let accounts = round.participants.map { terms.members[Int($0)] }
        let reader = try await readingAhead(accounts.map { FederationPaths.submission(job, number, $0).bytes })
        var found: [UInt32: SubmissionRecord] = [:]
        for index in round.participants {
            let submission = try await reader.submission(number, terms.members[Int(index)])
            if let submission { found[index] = submission }
        }
        return found
    }
}
