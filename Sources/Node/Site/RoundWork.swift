import Federation
import Primitives
import Privacy

/// A round for which an update is to be made.
public struct RoundAssignment: Sendable {
    public let job: Digest
    public let terms: JobTerms
    public let round: UInt32
    public let account: AccountID
    public let model: CID
    public let modelBytes: [UInt8]

    public init(
        job: Digest, terms: JobTerms, round: UInt32, account: AccountID, model: CID, modelBytes: [UInt8]
    ) {
        self.job = job
        self.terms = terms
        self.round = round
        self.account = account
        self.model = model
        self.modelBytes = modelBytes
    }
}

/// An update that is ready to leave the site, and what its release costs.
public struct PreparedUpdate: Sendable {
    public let bytes: [UInt8]
    public let cost: CostVector

    public init(bytes: [UInt8], cost: CostVector) {
        self.bytes = bytes
        self.cost = cost
    }
}

/// Makes the protected update of a round. `SandboxedWork` trains; tests and the demo's misbehaving sites put others
/// here.
public protocol RoundWork: Sendable {
    /// The cost that `prepare` will charge, before anything is computed.
    func cost(of terms: JobTerms) async throws -> CostVector
    func prepare(_ assignment: RoundAssignment) async throws -> PreparedUpdate
    /// The job has ended: what was kept for its rounds can go.
    func finish(_ job: Digest) async
    /// No job will ask any more.
    func stop() async
}

extension RoundWork {
    public func finish(_ job: Digest) async {}
    public func stop() async {}
}

/// What an auditor found: outcomes by ascending member, and what it measured, to be stored as evidence.
public struct AuditFinding: Sendable {
    public let outcomes: [MemberOutcome]
    public let evidence: [UInt8]

    public init(outcomes: [MemberOutcome], evidence: [UInt8]) {
        self.outcomes = outcomes
        self.evidence = evidence
    }
}

/// Judges a round's updates and recomputes models: what a drawn auditor does.
public protocol AuditWork: Sendable {
    func judge(_ job: JobReader, round: UInt32, objects: any ObjectReader) async throws -> AuditFinding
    /// The proposed model's bytes, where it is what the aggregation rule makes of the included updates; else nil.
    func confirmed(
        _ proposal: ModelProposal, _ job: JobReader, round: UInt32, objects: any ObjectReader
    ) async throws -> [UInt8]?
}

/// Where objects come from, checked against their ids.
public protocol ObjectReader: Sendable {
    func bytes(of id: CID) async throws -> [UInt8]
    /// As `bytes(of:)`, for an object that has a reason to be no larger than `limit`.
    /// - Throws: `LightClientError.oversized` for a larger one.
    func bytes(of id: CID, atMost limit: Int) async throws -> [UInt8]
}

extension ObjectReader {
    public func bytes(of id: CID, atMost limit: Int) async throws -> [UInt8] {
        let bytes = try await bytes(of: id)
        guard bytes.count <= limit else { throw LightClientError.oversized(id, limitBytes: limit) }
        return bytes
    }
}
