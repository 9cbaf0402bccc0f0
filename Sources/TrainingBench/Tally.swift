import Training

/// What the judge said against what was true, over many seeds.
struct Tally {
    var scores: [String: [Int64]] = [:]
    var falseAlarms = 0
    var misses = 0
    var accuracies: [Double] = []

    func print() {
        for (kind, values) in scores.sorted(by: { $0.key < $1.key }) {
            let sorted = values.sorted()
            func quantile(_ part: Double) -> Int64 { sorted[Int(part * Double(sorted.count - 1))] }
            Swift.print(
                "\(kind): \(sorted.count) scores, least \(sorted[0]), 1 % \(quantile(0.01)), median \(quantile(0.5)),"
                    + " 99 % \(quantile(0.99)), largest \(sorted[sorted.count - 1])")
        }
        for threshold in stride(from: Int64(700_000), through: 950_000, by: 50_000) {
            let counts = ["honest", "flip", "noise", "idle"].map { kind in
                "\(kind) \(scores[kind, default: []].filter { $0 < threshold }.count)"
            }
            Swift.print("below \(threshold): \(counts.joined(separator: ", "))")
        }
        let sorted = accuracies.sorted()
        Swift.print(
            "false alarms \(falseAlarms), misses \(misses), accuracy least \(decimal(sorted[0])),"
                + " median \(decimal(sorted[sorted.count / 2])), best \(decimal(sorted[sorted.count - 1]))")
    }
}
