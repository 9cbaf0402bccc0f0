import Federation
import Ledger
import Logging
import Market
import Primitives

/// Keeps one offer of this provider on the ledger: made when there is none, made anew before it expires.
public actor ProviderOffers {
    private let settings: ComputeOffer
    private let path: String
    private var current: (id: Digest, terms: OfferTerms)?
    private var isPoor = false

    /// - Parameter path: the file that keeps the offer's id.
    public init(settings: ComputeOffer, path: String) {
        self.settings = settings
        self.path = path
    }

    func keep(_ gateway: LightClient, _ sender: SignedSender, _ logger: Logger) async throws {
        let now = WallClock.milliseconds()
        if let current, settings.isGood(current.terms, now: now) { return }
        if current == nil, let known = try stored() {
            if let record = try await gateway.record(OfferRecord.self, at: MarketPaths.offer(known).bytes),
                record.provider == sender.account, settings.isGood(record.terms, now: now)
            {
                current = (known, record.terms)
                return
            }
        }
        let balance = try await gateway.record(Account.self, at: Account.path(sender.account))?.balance ?? .zero
        guard balance >= TransactionFees.agentLimit else {
            if !isPoor { logger.info("market: no tokens for the fee of an offer; it is made once there are") }
            isPoor = true
            return
        }
        isPoor = false
        let terms = settings.terms(now: now)
        let sent = try await sender.sendNamed(
            module: MarketPaths.module, action: MarketModule.Action.offer.rawValue, body: terms.encoded())
        // What is on the ledger counts, not what the node says of it: else an offer would be made again and again.
        let made = try await gateway.record(OfferRecord.self, at: MarketPaths.offer(sent.id).bytes)
        guard made?.provider == sender.account else {
            throw ActionRefused(module: MarketPaths.module, action: "offer", code: sent.code)
        }
        try DurableFile.replace(path, with: sent.id.bytes, mode: 0o600)
        current = (sent.id, terms)
        logger.info("market: offers \(terms.capacity) places at \(terms.pricePerUnit) a unit")
    }

    private func stored() throws -> Digest? {
        guard DurableFile.exists(path) else { return nil }
        return Digest(bytes: try DurableFile.read(path, limitBytes: 64))
    }
}

/// What a site's file says of lending its machine.
public struct ComputeOffer: Hashable, Sendable {
    public var hardware: Hardware
    public var pricePerUnit: Amount
    public var uptimeMillionths: UInt32
    public var place: String
    public var capacity: UInt32

    /// How long an offer stands, and how long before its end it is made anew.
    private static let standsMilliseconds: UInt64 = 30 * 86_400_000
    private static let renewalMilliseconds: UInt64 = 86_400_000

    func terms(now: UInt64) -> OfferTerms {
        OfferTerms(
            hardware: hardware, kinds: 0b111, pricePerUnit: pricePerUnit, uptimeMillionths: uptimeMillionths,
            place: place, energy: .unknown, capacity: capacity, expiryMilliseconds: now + Self.standsMilliseconds)
    }

    /// Whether an offer says what the file says, and stands for another day.
    func isGood(_ terms: OfferTerms, now: UInt64) -> Bool {
        var same = self.terms(now: now)
        same.expiryMilliseconds = terms.expiryMilliseconds
        return same == terms && terms.expiryMilliseconds > now + Self.renewalMilliseconds
    }
}
