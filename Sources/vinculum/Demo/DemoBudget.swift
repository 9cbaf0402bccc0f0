import Node
import Privacy

/// How much epsilon a site's policy has to give for so many of a job's rounds.
enum DemoBudget {
    private static let deltaTrillionths = UInt64((DemoTask.delta * 1e12).rounded())

    /// The total that pays for `rounds` of `planned` rounds of a job that costs `DemoTask.epsilon` as a whole, and
    /// for no round more: half way between this number and the next.
    static func epsilonTotal(rounds: Int, of planned: Int) -> Double {
        guard rounds < planned else { return DemoTask.epsilon }
        let perRound = costPerRound(planned)
        return rounded(epsilon(perRound * (Double(rounds) + 0.5)))
    }

    /// The cost of one round at order 1, such that all planned rounds cost `DemoTask.epsilon`: Gaussian noise costs
    /// order x rho at every order.
    private static func costPerRound(_ planned: Int) -> Double {
        var low = 0.0
        var high = 10.0
        for _ in 0..<100 {
            let middle = (low + high) / 2
            if epsilon(middle * Double(planned)) <= DemoTask.epsilon { low = middle } else { high = middle }
        }
        return low
    }

    private static func epsilon(_ costAtOrderOne: Double) -> Double {
        let costs = RenyiOrders.timesFour.map { UInt64((costAtOrderOne * Double($0) / 4 * 1e9).rounded(.up)) }
        return RenyiConversion.epsilon(of: CostVector(costs) ?? .zero, deltaTrillionths: deltaTrillionths)
    }

    /// To a thousandth, for people who read the policy; rounds lie farther apart than that up to `roundRange`.
    private static func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }
}
