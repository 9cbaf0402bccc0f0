import Glibc
import Privacy

/// Between Rényi costs at the fixed orders and epsilon at a delta (Canonne, Kamath and Steinke 2020, proposition 12):
/// epsilon = rho + log((a - 1) / a) - (log delta + log a) / (a - 1) at order a.
///
/// Used where a person reads epsilon and where an owner's policy becomes limits. The ledger never converts: it compares
/// integers.
public enum RenyiConversion {
    /// What the conversion adds to a cost at each order.
    private static func offset(order: Double, delta: Double) -> Double {
        log((order - 1) / order) - (log(delta) + log(order)) / (order - 1)
    }

    /// The limit at each order that keeps a dataset within `epsilon` at `delta`, in 1e-9, rounded down. An order at
    /// which no cost at all is within it has the limit 0.
    public static func limits(epsilon: Double, deltaTrillionths: UInt64) -> CostVector {
        let delta = Double(deltaTrillionths) / 1e12
        let limits = RenyiOrders.timesFour.map { quarters -> UInt64 in
            let room = (epsilon - offset(order: Double(quarters) / 4, delta: delta)) * 1e9
            // One unit less than computed: more than the rounding of the few operations above.
            return room > 1 ? UInt64(room.rounded(.down)) - 1 : 0
        }
        return CostVector(limits) ?? .zero
    }

    /// The epsilon of a cost at `delta`: the least over the orders, never below zero. Zero cost is epsilon zero.
    public static func epsilon(of cost: CostVector, deltaTrillionths: UInt64) -> Double {
        guard !cost.isZero else { return 0 }
        let delta = Double(deltaTrillionths) / 1e12
        let values = zip(RenyiOrders.timesFour, cost.values).map { quarters, value in
            Double(value) / 1e9 + offset(order: Double(quarters) / 4, delta: delta)
        }
        return max(0, values.min() ?? .infinity)
    }
}
