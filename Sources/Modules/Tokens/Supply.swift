import Ledger
import Primitives

/// The supply, and the law that nothing is made or lost: after each block, what was minted less what was burned is the
/// sum of all balances, escrows included.
public enum Supply {
    public static func counters(_ state: LedgerState) throws(Refusal) -> SupplyCounters {
        guard let bytes = state.store.get(TokensModule.supplyPath) else {
            throw Refusal(.stateCorrupt, "the supply counters are missing")
        }
        do { return try SupplyCounters.decode(bytes) } catch { throw Refusal(.stateCorrupt, "\(error)") }
    }

    /// Minted less burned.
    public static func total(_ state: LedgerState) throws(Refusal) -> Amount {
        let counters = try counters(state)
        return try counters.minted.minus(counters.burned)
    }

    /// Throws unless the supply is the sum of all balances: what tests hold after every block.
    public static func checkConservation(_ state: LedgerState) throws(Refusal) {
        let (supply, sum) = (try total(state), try state.sumOfBalances())
        guard supply == sum else {
            throw Refusal(.stateCorrupt, "the supply is \(supply), but all balances add up to \(sum)")
        }
    }
}
