/// How records are dealt to sites. Places refer to the data set that was split; each record goes to one site.
public enum Split {
    /// Every site draws from the same distribution: a shuffle, cut into parts whose sizes differ by one at most.
    public static func even(count: Int, sites: Int, seed: UInt64) throws(TrainingError) -> [[Int]] {
        guard sites > 0, count >= sites else {
            throw TrainingError(.badParameter, "\(count) records for \(sites) sites", at: "split")
        }
        var generator = SeededGenerator(seed: seed, stream: 1)
        var places = Array(0..<count)
        generator.shuffle(&places)
        return (0..<sites).map { Array(places[count * $0 / sites..<count * ($0 + 1) / sites]) }
    }

    /// Uneven sites: for each class, its records are dealt in proportions drawn from a Dirichlet distribution (Hsu, Qi
    /// and Brown 2019). Drawn again until every site has `leastCount` records; after 10,000 tries it is refused.
    public static func dirichlet(
        labels: [UInt8], sites: Int, concentration: Double, leastCount: Int, seed: UInt64
    ) throws(TrainingError) -> [[Int]] {
        guard sites > 0, concentration > 0, concentration.isFinite, leastCount >= 0, labels.count >= sites * leastCount
        else { throw TrainingError(.badParameter, "no such split of \(labels.count) records", at: "split") }
        var byClass: [[Int]] = Array(repeating: [], count: 256)
        for (place, label) in labels.enumerated() { byClass[Int(label)].append(place) }
        var generator = SeededGenerator(seed: seed, stream: 2)
        for _ in 0..<10_000 {
            var result: [[Int]] = Array(repeating: [], count: sites)
            for records in byClass where !records.isEmpty {
                var records = records
                generator.shuffle(&records)
                var sum = 0.0
                var begin = 0
                let shares = generator.dirichlet(count: sites, concentration: concentration)
                for (site, share) in shares.enumerated() {
                    sum += share
                    let cut = Int((sum * Double(records.count)).rounded(.down))
                    let end = site == sites - 1 ? records.count : min(records.count, max(begin, cut))
                    result[site] += records[begin..<end]
                    begin = end
                }
            }
            guard result.allSatisfy({ $0.count >= leastCount }) else { continue }
            for site in result.indices { generator.shuffle(&result[site]) }
            return result
        }
        throw TrainingError(.badParameter, "no split gives each site \(leastCount) records", at: "split")
    }
}
