import Federation
import Primitives

/// What a site does when it is drawn as an auditor. Holds nothing: each duty is done from the ledger and the objects.
struct SiteAuditor: Sendable {
    let gateway: any SiteGateway
    let sender: any TransactionSender
    let audit: any AuditWork

    /// False where there is nothing to do after all.
    func perform(_ duty: AuditorDuty, _ job: JobReader) async throws -> Bool {
        switch duty {
        case .wait: return false
        case .judge(let round): try await judge(job, round: round)
        case .confirm(let round):
            guard let proposal = try await job.round(round)?.proposal else { return false }
            let model = try await audit.confirmed(proposal, job, round: round, objects: source)
            // Stored before it is confirmed: a model that only its aggregator holds could be lost with it.
            if let model { try await gateway.store(object: model, as: proposal.model) }
            try await sender.sendFederation(
                "confirm", job: job.job,
                ConfirmBody(
                    job: job.job, round: round, model: proposal.model, root: proposal.root, isEqual: model != nil))
        }
        return true
    }

    private func judge(_ job: JobReader, round: UInt32) async throws {
        let finding = try await audit.judge(job, round: round, objects: source)
        try await gateway.store(object: finding.evidence, as: CID.of(raw: finding.evidence))
        try await sender.sendFederation(
            "verdict", job: job.job, VerdictBody(job: job.job, round: round, outcomes: finding.outcomes))
    }

    private var source: any ObjectReader { GatewayObjects(gateway: gateway) }
}

struct GatewayObjects: ObjectReader {
    let gateway: any SiteGateway
    func bytes(of id: CID) async throws -> [UInt8] { try await gateway.object(id) }

    func bytes(of id: CID, atMost limit: Int) async throws -> [UInt8] {
        try await gateway.object(id, atMost: limit)
    }
}
