import Ledger
import Primitives

/// The offers that stand, in bounds: so many of a provider, so many of all, none for long after it has expired. Without
/// them whoever pays some fees could fill the market with offers that fit nothing, for ever.
enum OfferBook {
    static func add(_ offer: OfferRecord, as id: Digest, _ context: inout ModuleContext) throws(Refusal) {
        let all = try count(at: MarketPaths.offerCount, &context)
        guard all < UInt64(MarketModule.maximumOffers) else {
            throw MarketCode.tooManyOffers.refusal("\(all) offers stand")
        }
        let own = try count(at: MarketPaths.offerCount(of: offer.provider), &context)
        guard own < UInt64(MarketModule.maximumOffersOfProvider) else {
            throw MarketCode.tooManyOffers.refusal("\(own) offers of \(offer.provider) stand")
        }
        try context.save(offer, at: MarketPaths.offer(id))
        try context.save(id, at: MarketPaths.expiry(offer.terms.expiryMilliseconds, id))
        try context.save(all + 1, at: MarketPaths.offerCount)
        try context.save(own + 1, at: MarketPaths.offerCount(of: offer.provider))
        try context.save(context.block.height, at: MarketPaths.offersChanged)
    }

    static func remove(_ offer: OfferRecord, _ id: Digest, _ context: inout ModuleContext) throws(Refusal) {
        try context.remove(at: MarketPaths.offer(id))
        try context.remove(at: MarketPaths.expiry(offer.terms.expiryMilliseconds, id))
        let all = try count(at: MarketPaths.offerCount, &context)
        try context.save(all - min(all, 1), at: MarketPaths.offerCount)
        let own = try count(at: MarketPaths.offerCount(of: offer.provider), &context)
        if own > 1 {
            try context.save(own - 1, at: MarketPaths.offerCount(of: offer.provider))
        } else {
            try context.remove(at: MarketPaths.offerCount(of: offer.provider))
        }
        try context.save(context.block.height, at: MarketPaths.offersChanged)
    }

    /// Replicas that run on an expired offer go on: nothing more is assigned to it in any case.
    static func deleteExpired(_ context: inout ModuleContext) throws(Refusal) {
        let first = try context.list(
            Digest.self, below: MarketPaths.expiries, limit: MarketModule.expiriesPerBlock)
        for item in first {
            let expiry = item.suffix.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard expiry < context.block.timeMilliseconds else { return }
            guard let offer = try context.load(OfferRecord.self, at: MarketPaths.offer(item.value)) else {
                throw Refusal(.stateCorrupt, "an expired offer is not there")
            }
            try remove(offer, item.value, &context)
        }
    }

    private static func count(at path: RecordPath, _ context: inout ModuleContext) throws(Refusal) -> UInt64 {
        try context.load(UInt64.self, at: path) ?? 0
    }
}
