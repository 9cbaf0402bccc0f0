import Primitives

/// A round at a site and at the aggregator, with what is forbidden tried in between.
enum PrivacyScenario {
    private static let count = 256

    static func run(_ plugin: PrivacyInstance, seed: UInt64) throws(PluginError) -> [UInt8] {
        var numbers = SeededNumbers(seed: seed)
        func broken(_ call: String, _ rule: String) -> PluginError {
            PluginError(.malformed, plugin: plugin.manifest.id, call: call, rule)
        }
        var trace: [UInt8] = []
        let capability = try plugin.capabilities()[0]
        let memberCount = max(10, Int(capability.membersLeast))
        var job = PrivacyJob(
            sensitivityInGridSteps: 1000, count: UInt64(count), gridBits: 10, roundsPlanned: 3,
            members: UInt32(memberCount))
        job.noiseMultiplierMillionths = 2_000_000
        let plan = try plugin.plan(job)
        trace += plan.costOfRound.flatMap { Plain.bytes($0) } + Plain.bytes(plan.noiseScaleInGridSteps)
        var members: [PublicKey] = []
        while members.count < memberCount { if let key = numbers.key() { members.append(key) } }
        var round = PrivacyRound(
            role: .site, job: numbers.digest(), model: numbers.digest(), membersRoot: numbers.digest(),
            entropy: numbers.digest(), ownKey: members[0], round: 1, members: members)
        try plugin.begin(round)
        let buffer = try plugin.makeBuffer(count: count)
        var refused = false
        do throws(PluginError) {
            _ = try plugin.release(buffer, sensitivityInGridSteps: 1000, gridBits: 10)
        } catch { refused = error.code == .failed }
        guard refused else { throw broken("release", "releases without spend (PRV-2)") }
        let cost = try plugin.spend()
        guard zip(cost, plan.costOfRound).allSatisfy({ $0 <= $1 }) else {
            throw broken("spend", "the cost is above the plan's (PRV-2)")
        }
        let sum = (0..<count).map { _ in Int64(numbers.below(2000)) - 1000 }
        for index in 0..<count { buffer.values[index] = sum[index] }
        let extra = try plugin.release(buffer, sensitivityInGridSteps: 1000, gridBits: 10)
        guard UInt64(extra.count) <= plan.expansionBytes else {
            throw broken("release", "more extra bytes than planned")
        }
        let released = Array(buffer.values)
        let untouched = zip(released, sum).filter { $0 == $1 }.count
        guard untouched < count / 2 else {
            throw broken("release", "\(untouched) of \(count) values left as they were (PRV-8)")
        }
        trace += released.flatMap { Plain.bytes($0) } + extra
        try plugin.end()
        if cost.allSatisfy({ $0 == 0 }) { try compareFree(plugin, round, sum, released, broken) }

        round.role = .aggregator
        try plugin.begin(round)
        if capability.messageSteps == 0 { trace += try aggregate(plugin, members, &numbers, broken) }
        try plugin.end()
        return trace
    }

    /// What costs nothing says nothing: another sum, under the same entropy, is released as the same values.
    private static func compareFree(
        _ plugin: PrivacyInstance, _ round: PrivacyRound, _ sum: [Int64], _ released: [Int64],
        _ broken: (String, String) -> PluginError
    ) throws(PluginError) {
        try plugin.begin(round)
        _ = try plugin.spend()
        let buffer = try plugin.makeBuffer(count: count)
        for index in 0..<count { buffer.values[index] = 1 - sum[index] }
        _ = try plugin.release(buffer, sensitivityInGridSteps: 1000, gridBits: 10)
        guard Array(buffer.values) == released else {
            throw broken("spend", "costs nothing, and what is released depends on the data (PRV-3)")
        }
        try plugin.end()
    }

    /// Adds three vectors in two orders; both totals are the sum (for mechanisms without messages).
    private static func aggregate(
        _ plugin: PrivacyInstance, _ members: [PublicKey], _ numbers: inout SeededNumbers,
        _ broken: (String, String) -> PluginError
    ) throws(PluginError) -> [UInt8] {
        var vectors: [PluginBuffer] = []
        for _ in 0..<3 {
            let vector = try plugin.makeBuffer(count: count)
            for index in 0..<count { vector.values[index] = Int64(numbers.below(1 << 30)) - (1 << 29) }
            vectors.append(vector)
        }
        var totals: [[Int64]] = []
        for order in [[0, 1, 2], [2, 0, 1]] {
            let total = try plugin.makeBuffer(count: count)
            for index in order { try plugin.combine(member: members[index], vector: vectors[index], total: total) }
            try plugin.recover(total: total)
            totals.append(Array(total.values))
        }
        guard totals[0] == totals[1] else { throw broken("combine", "depends on the order of the members") }
        return totals[0].flatMap { Plain.bytes($0) }
    }
}
