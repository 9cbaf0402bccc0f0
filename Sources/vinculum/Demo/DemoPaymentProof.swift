import Federation
import Ledger
import Node
import Primitives

/// One payment as a file that anybody can check without a node: the transaction that made it, its receipt, and the
/// certified headers above both.
struct DemoPaymentProof: Sendable {
    let folder: DemoFolder
    let marker: DemoMarker
    let facts: DemoLedgerFacts
    let accounts: [AccountID]

    /// Writes the proof of the largest payment of the last round, and reads it back as somebody offline would: from
    /// the two files alone. Nil when nobody was paid.
    func write(_ ledger: DemoLedger) async throws -> DemoReport.Proof? {
        let candidates = facts.scan.payments.filter { $0.round > 0 && accounts.contains($0.payee) && !$0.amount.isZero }
        let last = candidates.filter { $0.round == candidates.last?.round }
        guard let payment = last.max(by: { $0.amount < $1.amount }) else { return nil }
        let found = try await ledger.asking { try await ledger.service.transaction(.slot(payment.slot)) }
        let proof = try TransactionProof.decode(found.proof)
        try DurableFile.replace(folder.proof, with: ProofFile.transaction(proof).encoded())
        return .init(
            payee: DemoReportBuilder.name(of: payment.payee, marker), account: payment.payee.text,
            amount: "\(payment.amount)", round: Int(payment.round), file: folder.proof,
            height: proof.block.header.height, slot: payment.slot,
            verifiedOffline: try Self.verify(folder, shows: payment))
    }

    /// Whether the files show the payment: the genesis says whom to believe, the proof says the rest.
    private static func verify(_ folder: DemoFolder, shows payment: TransactionScan.Payment) throws -> Bool {
        let genesis = try Genesis.decode(try DurableFile.read(folder.genesis, limitBytes: 16 << 20))
        let file = try ProofFile.decode(try DurableFile.read(folder.proof, limitBytes: 16 << 20))
        guard case .transaction(let proof) = file else { return false }
        let (_, receipt) = try proof.verify(TrustAnchor(genesis: genesis))
        return try receipt.events.contains { event in
            let news = try FederationNews(
                module: event.module, kind: event.kind, accounts: event.accounts, payload: event.payload)
            return news?.kind == .partyPaid && news?.accounts.first == payment.payee
                && news?.number(0) == UInt64(payment.round) && news?.amount(1) == payment.amount
        }
    }
}
