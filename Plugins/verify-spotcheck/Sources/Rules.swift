import PluginKit

/// Thresholds and rates of a job, in 1e-6 unless named otherwise; all integers, from the job's settings.
struct Rules: Equatable {
    // The share of members, of public tasks and of benchmark tasks that are drawn. Public tasks never fall below the
    // floor: below it a strategic cheater gains (an audit that is rare enough to be ignored is none).
    var measureRate: Int64 = 1_000_000
    var taskRate: Int64 = 100_000
    var benchmarkRate: Int64 = 50_000
    static let taskRateFloor: Int64 = 50_000

    // An update's norm over the norm that the plan allows.
    var normMax: Int64 = 1_000_000
    // The cone score from which the score share is zero, and from which it is full.
    var scoreLow: Int64 = 0
    var scoreFull: Int64 = 200_000
    // Below both of these, after enough rounds, an update looks like noise.
    var noiseScoreMax: Int64 = 0
    var noiseCosineMax: Int64 = 0
    var historyLeast: Int64 = 3
    // Whether a suspected update is left out of the round, or only paid without its score share.
    var leavesOutSuspected = true
    // The least share of equal blocks of a task that was run again, and of right benchmark answers.
    var matchLeast: Int64 = 900_000
    var benchmarkLeast: Int64 = 1_000_000

    init() {}

    init(_ settings: Settings) throws(PluginFailure) {
        var settings = settings
        let share: ClosedRange<Int64> = 0...1_000_000
        let signedShare: ClosedRange<Int64> = -1_000_000...1_000_000
        measureRate = try settings.integer("measure_rate_e6", in: share) ?? measureRate
        taskRate = try settings.integer("task_rate_e6", in: Self.taskRateFloor...1_000_000) ?? taskRate
        benchmarkRate = try settings.integer("benchmark_rate_e6", in: share) ?? benchmarkRate
        normMax = try settings.integer("norm_max_e6", in: 1...1_000_000_000) ?? normMax
        scoreLow = try settings.integer("score_low_e6", in: signedShare) ?? scoreLow
        scoreFull = try settings.integer("score_full_e6", in: signedShare) ?? scoreFull
        noiseScoreMax = try settings.integer("noise_score_max_e6", in: signedShare) ?? noiseScoreMax
        noiseCosineMax = try settings.integer("noise_cosine_max_e6", in: signedShare) ?? noiseCosineMax
        historyLeast = try settings.integer("history_least_rounds", in: 1...10_000) ?? historyLeast
        leavesOutSuspected = try settings.boolean("leave_out_suspected") ?? leavesOutSuspected
        matchLeast = try settings.integer("match_least_e6", in: share) ?? matchLeast
        benchmarkLeast = try settings.integer("benchmark_least_e6", in: share) ?? benchmarkLeast
        try settings.refuseOthers()
        guard scoreLow < scoreFull else {
            throw PluginFailure(.invalid, "score_low_e6 must be below score_full_e6")
        }
    }

    /// The share of the score pay: zero up to `scoreLow`, full from `scoreFull` on, linear between.
    func payShare(score: Int64) -> Int64 {
        if score <= scoreLow { return 0 }
        if score >= scoreFull { return 1_000_000 }
        return (score - scoreLow) * 1_000_000 / (scoreFull - scoreLow)
    }
}
