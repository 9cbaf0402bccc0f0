import Ledger
import Primitives

/// What modules above may do with the supply, each change counted.
extension TokensModule {
    /// The account that gets the proposer's share of fees instead of the proposer: `m/tokens/proposer-share`.
    static let proposerSharePath = Array("m/tokens/proposer-share".utf8)

    /// Has the proposer's share of fees go to an account of a module, which shares it out.
    public static func sendProposerShare(to account: AccountID, _ context: inout ModuleContext) throws(Refusal) {
        try context.acting(as: name) { (context) throws(Refusal) in try context.put(proposerSharePath, account) }
    }

    /// Makes tokens. Answers false, and does nothing, where the supply has no room for them.
    public static func issue(
        _ amount: Amount, to account: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        guard var supply = try context.record(SupplyCounters.self, at: supplyPath) else {
            throw Refusal(.stateCorrupt, "the supply counters are missing")
        }
        guard let minted = try? supply.minted.adding(amount) else { return false }
        supply.minted = minted
        return try context.acting(as: name) { (context) throws(Refusal) in
            try context.put(supplyPath, supply)
            try context.mint(to: account, amount: amount)
            return true
        }
    }

    /// Destroys tokens of an account that the calling module owns.
    public static func destroy(
        _ amount: Amount, from account: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) {
        try context.acting(as: name) { (context) throws(Refusal) in
            try context.burn(from: account, amount: amount)
            try countBurned(amount, &context)
        }
    }
}
