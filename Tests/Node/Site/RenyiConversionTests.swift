import Foundation
import Privacy
import Testing

@testable import Node

@Suite("Epsilon and Rényi costs")
struct RenyiConversionTests {
    private static let delta: UInt64 = 10_000_000

    /// Canonne, Kamath and Steinke 2020, proposition 12, written out anew: at order a,
    /// epsilon = rho + log1p(-1/a) - log(a delta) / (a - 1).
    private static func epsilon(_ cost: (Double) -> Double, delta: Double) -> Double {
        RenyiOrders.timesFour.map { quarters in
            let order = Double(quarters) / 4
            return cost(order) + log1p(-1 / order) - Foundation.log(order * delta) / (order - 1)
        }.min() ?? .infinity
    }

    @Test("the epsilon of a Gaussian mechanism is that of the formula", arguments: [0.5, 1, 2, 4, 8, 40] as [Double])
    func gaussian(sigma: Double) throws {
        // Order x sensitivity squared / (2 sigma squared): Mironov 2017, corollary 3.
        let cost = try #require(
            CostVector(RenyiOrders.timesFour.map { UInt64(Double($0) / 4 / (2 * sigma * sigma) * 1e9) }))
        let found = RenyiConversion.epsilon(of: cost, deltaTrillionths: Self.delta)
        let expected = Self.epsilon({ $0 / (2 * sigma * sigma) }, delta: 1e-5)
        #expect(abs(found - expected) < 1e-6, "\(found), \(expected)")
    }

    @Test("the epsilon of a Gaussian mechanism is above its exact value, by less than a tenth")
    func knownValue() throws {
        // The exact value is that of the Gaussian mechanism's privacy profile (Balle and Wang 2018, theorem 8).
        let cost = try #require(CostVector(RenyiOrders.timesFour.map { UInt64($0) * 125_000_000 }))
        let found = RenyiConversion.epsilon(of: cost, deltaTrillionths: Self.delta)
        func delta(_ epsilon: Double) -> Double {
            func normal(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
            return normal(0.5 - epsilon) - exp(epsilon) * normal(-0.5 - epsilon)
        }
        var (low, high) = (0.0, 10.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if delta(middle) > 1e-5 { low = middle } else { high = middle }
        }
        #expect(found > high)
        #expect(found < high * 1.1, "\(found), exact \(high)")
    }

    @Test("limits are within epsilon at every order, and not a millionth below")
    func limits() throws {
        for epsilon in [0.1, 0.5, 1, 3, 8, 100] {
            let limits = RenyiConversion.limits(epsilon: epsilon, deltaTrillionths: Self.delta)
            for (index, value) in limits.values.enumerated() {
                var single = [UInt64](repeating: .max / 2, count: 32)
                single[index] = value
                let found = RenyiConversion.epsilon(of: try #require(CostVector(single)), deltaTrillionths: Self.delta)
                if value > 0 {
                    #expect(found <= epsilon, "order \(index)")
                    #expect(found > epsilon - 1e-6, "order \(index)")
                }
            }
            // What is admitted is within epsilon, one unit more at each order is not far above.
            #expect(RenyiConversion.epsilon(of: limits, deltaTrillionths: Self.delta) <= epsilon || limits.isZero)
        }
    }

    @Test("an epsilon below what delta alone costs gives limits of zero at small orders, never below")
    func tiny() {
        let limits = RenyiConversion.limits(epsilon: 1e-6, deltaTrillionths: 1)
        #expect(limits.isZero)
        #expect(RenyiConversion.limits(epsilon: -1, deltaTrillionths: Self.delta).isZero)
    }

    @Test("no cost is epsilon zero, and more cost or a smaller delta is more epsilon")
    func monotone() {
        #expect(RenyiConversion.epsilon(of: .zero, deltaTrillionths: Self.delta) == 0)
        var last = 0.0
        for rho in stride(from: 1_000, through: 2_000_000, by: 7_919) as StrideThrough<UInt64> {
            let cost = Samples.cost(rhoMillionths: rho)
            let found = RenyiConversion.epsilon(of: cost, deltaTrillionths: Self.delta)
            #expect(found > last)
            #expect(RenyiConversion.epsilon(of: cost, deltaTrillionths: Self.delta / 10) > found)
            last = found
        }
    }
}
