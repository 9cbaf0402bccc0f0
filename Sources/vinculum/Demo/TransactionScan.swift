import Federation
import Ledger
import Node
import Primitives

/// Every transaction of the ledger, slot by slot: who sent how many bytes, who paid which fees, and where payments
/// were made. Goes on where it stopped, so that most of it happens while the federation runs.
struct TransactionScan: Sendable {
    /// A payment that a receipt shows.
    struct Payment: Sendable {
        var slot: UInt64
        var payee: AccountID
        var round: UInt32
        var amount: Amount
    }

    private(set) var nextSlot: UInt64 = 0
    private(set) var bytesSent: [AccountID: Int] = [:]
    /// Fees by the account that paid them.
    private(set) var fees: [AccountID: Amount] = [:]
    /// What each account was paid by the job, by the events of receipts.
    private(set) var paid: [AccountID: Amount] = [:]
    private(set) var payments: [Payment] = []
    private(set) var refunded = Amount.zero
    /// What the transaction that submitted the job put into its escrow.
    private(set) var escrow: Amount?
    private(set) var failed = 0

    /// Reads what is new.
    mutating func advance(_ ledger: DemoLedger, job: Digest) async throws {
        while true {
            let slot = nextSlot
            let found: ProvenTransaction
            do {
                found = try await ledger.asking { try await ledger.service.transaction(.slot(slot)) }
            } catch let error as ServiceError where error.code == .notFound {
                return
            }
            try take(found, job: job)
            nextSlot += 1
        }
    }

    private mutating func take(_ found: ProvenTransaction, job: Digest) throws {
        let transaction = try Transaction(decoding: found.envelope)
        let receipt = try Receipt.decode(found.receipt.encoded)
        bytesSent[transaction.body.account, default: 0] += found.envelope.count
        try add(receipt.fee, to: \.fees, of: transaction.body.payingAccount)
        if !receipt.isSuccess { failed += 1 }
        if transaction.id == job { escrow = try SubmitBody.decode(transaction.body.call.body).escrow }
        for event in receipt.events {
            guard
                let news = try FederationNews(
                    module: event.module, kind: event.kind, accounts: event.accounts, payload: event.payload),
                news.job == job
            else { continue }
            try take(news, slot: found.slot)
        }
    }

    private mutating func take(_ news: FederationNews, slot: UInt64) throws {
        switch news.kind {
        case .partyPaid:
            guard let payee = news.accounts.first, let amount = news.amount(1) else { return }
            try add(amount, to: \.paid, of: payee)
            payments.append(
                Payment(slot: slot, payee: payee, round: UInt32(clamping: news.number(0) ?? 0), amount: amount))
        case .heldBackReleased:
            guard let payee = news.accounts.first, let amount = news.amount(0) else { return }
            try add(amount, to: \.paid, of: payee)
            payments.append(Payment(slot: slot, payee: payee, round: 0, amount: amount))
        case .jobEnded:
            if let amount = news.amount(2) { refunded = try refunded.adding(amount) }
        default: break
        }
    }

    private mutating func add(
        _ amount: Amount, to sums: WritableKeyPath<TransactionScan, [AccountID: Amount]>, of account: AccountID
    ) throws {
        self[keyPath: sums][account] = try (self[keyPath: sums][account] ?? .zero).adding(amount)
    }
}
