import Glibc
import Testing

@testable import PrivacyDP

@Suite("The Rényi accountant")
struct RenyiAccountantTests {
    @Test("rounds costs up, never down")
    func roundsCostsUp() throws {
        let sigma = try #require(NoiseScale(numerator: 3))
        let cost = RenyiAccountant.cost(sensitivity: 1, sigma: sigma)
        // Order 1.25: 1.25/18 = 0.069444444…
        #expect(cost[0] == 69_444_445)
        // Order 9: exactly one half.
        #expect(cost[RenyiOrders.quarters.firstIndex(of: 36) ?? 0] == 500_000_000)
        #expect(cost.count == 32)
    }

    @Test("gives an unaffordable cost where the integers end")
    func unaffordable() throws {
        let sigma = try #require(NoiseScale(numerator: 1))
        let cost = RenyiAccountant.cost(sensitivity: 1 << 40, sigma: sigma)
        #expect(cost.allSatisfy { $0 == RenyiAccountant.unaffordable })
        #expect(RenyiAccountant.composed([3], uses: .max) == [RenyiAccountant.unaffordable])
        #expect(RenyiAccountant.epsilon(spent: cost, delta: 1e-5) == nil)
    }

    @Test("is never below zero, and zero for nothing")
    func neverNegative() throws {
        #expect(RenyiAccountant.epsilon(spent: [UInt64](repeating: 0, count: 32), delta: 0.5) == 0)
        let sigma = try #require(NoiseScale(numerator: 1 << 40))
        let cost = RenyiAccountant.cost(sensitivity: 1, sigma: sigma)
        #expect(RenyiAccountant.epsilon(spent: cost, delta: 0.9) == 0)
        #expect(RenyiAccountant.epsilon(spent: cost, delta: 0) == nil)
        #expect(RenyiAccountant.epsilon(spent: cost, delta: .nan) == nil)
        #expect(RenyiAccountant.limits(epsilon: .infinity, delta: 1e-5) == nil)
    }

    @Test("keeps limits and epsilon consistent: what the limits admit converts to no more than epsilon")
    func limitsAgreeWithEpsilon() throws {
        for epsilonTenths in [1, 5, 10, 30, 80, 200] {
            let epsilon = Double(epsilonTenths) / 10
            let limits = try #require(RenyiAccountant.limits(epsilon: epsilon, delta: 1e-5))
            guard limits.contains(where: { $0 > 0 }) else { continue }
            let converted = try #require(RenyiAccountant.epsilon(spent: limits, delta: 1e-5))
            #expect(Double(converted) <= epsilon * 1e9 + 2)
            #expect(Double(converted) >= epsilon * 1e9 - 10)
        }
    }

    @Test("calibrates to the least noise that stays within epsilon", arguments: [1, 30, 100] as [UInt64])
    func calibrates(rounds: UInt64) throws {
        for epsilon in [0.5, 1.0, 3.0, 8.0] {
            let sensitivity: UInt64 = 1 << 20
            let sigma = try #require(
                RenyiAccountant.calibrate(epsilon: epsilon, delta: 1e-5, rounds: rounds, sensitivity: sensitivity))
            let cost = RenyiAccountant.cost(sensitivity: sensitivity, sigma: sigma)
            let spent = RenyiAccountant.composed(cost, uses: rounds)
            let reached = try #require(RenyiAccountant.epsilon(spent: spent, delta: 1e-5))
            #expect(Double(reached) <= epsilon * 1e9 + 2)
            #expect(Double(reached) >= epsilon * 0.9995e9)
        }
    }

    @Test("computes logarithms within its margin")
    func logarithms() {
        for value in [1e-12, 1e-5, 0.2, 0.5, 0.999, 1, 1.25, 1.3333, 2, 512, 1e12] {
            #expect(abs(naturalLogarithm(value) - log(value)) <= 1e-14 * max(1, abs(log(value))))
        }
    }
}

@Suite("A round at a site")
struct SiteRoundTests {
    private static let request = MechanismRequest(
        epsilonE9: 3_000_000_000, deltaE12: 10_000_000, noiseMultiplierE6: 0, sensitivity: 1 << 20, count: 4,
        gridBits: 20, rounds: 30)

    private func round(entropy: UInt8 = 1) throws -> SiteRound {
        let bytes = [UInt8](repeating: entropy, count: 32)
        return try SiteRound(plan: SitePlan(Self.request), entropy: bytes.span)
    }

    @Test("releases once, after its cost was asked, and keeps the sum as it was when it refuses")
    func releasesOnce() throws {
        var round = try round()
        var values: [Int64] = [1, 2, 3, 4]
        #expect(throws: MechanismRefusal.costNotAsked) {
            var span = values.mutableSpan
            try round.release(&span, sensitivity: 1 << 20, gridBits: 20)
        }
        #expect(values == [1, 2, 3, 4])
        #expect(try round.spend().count == 32)
        var span = values.mutableSpan
        try round.release(&span, sensitivity: 1 << 20, gridBits: 20)
        #expect(values != [1, 2, 3, 4])
        #expect(throws: MechanismRefusal.alreadyReleased) { try round.spend() }
        let kept = values
        #expect(throws: MechanismRefusal.alreadyReleased) {
            var span = values.mutableSpan
            try round.release(&span, sensitivity: 1 << 20, gridBits: 20)
        }
        #expect(values == kept)
    }

    @Test("refuses by name what does not fit the plan")
    func refusesByName() throws {
        var round = try round()
        _ = try round.spend()
        var values: [Int64] = [1, 2, 3, .max]
        #expect(throws: MechanismRefusal.sumOutOfRange) {
            var span = values.mutableSpan
            try round.release(&span, sensitivity: 1 << 20, gridBits: 20)
        }
        #expect(values == [1, 2, 3, .max])
        #expect(throws: MechanismRefusal.wrongGrid) {
            var span = values.mutableSpan
            try round.release(&span, sensitivity: 1 << 20, gridBits: 21)
        }
        #expect(throws: MechanismRefusal.sensitivityAbovePlan) {
            var span = values.mutableSpan
            try round.release(&span, sensitivity: 1 << 21, gridBits: 20)
        }
        var short: [Int64] = [1]
        #expect(throws: MechanismRefusal.wrongCount) {
            var span = short.mutableSpan
            try round.release(&span, sensitivity: 1 << 20, gridBits: 20)
        }
    }

    @Test("repeats the same bytes for the same entropy, and others for other entropy")
    func followsItsEntropy() throws {
        var outputs = [[Int64]]()
        for entropy in [7, 7, 8] as [UInt8] {
            var round = try round(entropy: entropy)
            _ = try round.spend()
            var values: [Int64] = [0, 0, 0, 0]
            var span = values.mutableSpan
            try round.release(&span, sensitivity: 1 << 20, gridBits: 20)
            outputs.append(values)
        }
        #expect(outputs[0] == outputs[1])
        #expect(outputs[0] != outputs[2])
    }

    @Test("refuses plans by name")
    func refusesPlans() {
        var request = Self.request
        request.noiseMultiplierE6 = 1
        #expect(throws: MechanismRefusal.notExactlyOneTarget) { try SitePlan(request) }
        request = Self.request
        request.deltaE12 = 0
        #expect(throws: MechanismRefusal.deltaOutOfRange) { try SitePlan(request) }
        request = Self.request
        request.sensitivity = 0
        #expect(throws: MechanismRefusal.zeroSensitivity) { try SitePlan(request) }
        request = Self.request
        request.epsilonE9 = 1
        #expect(throws: MechanismRefusal.noNoiseSuffices) { try SitePlan(request) }
        request = Self.request
        request.rounds = 0
        #expect(throws: MechanismRefusal.noRounds) { try SitePlan(request) }
    }
}
