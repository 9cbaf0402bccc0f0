import PluginKit

/// Thresholds and rates of a job, in 1e-6 unless named otherwise; all integers, from the job's settings.
struct Rules: Equatable {
    // The share of members, of public tasks and of benchmark tasks that are drawn. Public tasks never fall below the
    // floor: below it a strategic cheater gains (an audit that is rare enough to be ignored is none).
    var measureRate: Int64 = 1_000_000
    var taskRate: Int64 = 100_000
    var benchmarkRate: Int64 = 50_000
    static let taskRateFloor: Int64 = 50_000

    // An update's norm over the norm that is expected. Where noise is what is expected, honest updates of large sites
    // lie many times above it, so by default only absurd ones are refused; a job that knows its norms sets less.
    var normMax: Int64 = 1_000_000_000
    // Measured by `vinculum-training-bench` on seeds that nothing was tuned on; the README of this plugin has the
    // figures. Honest members lie above, flipped labels and noise below; a member whose records have nothing left to
    // teach sends as good as noise, and is left out like it.
    var scoreLeast: Int64 = 850_000
    var noiseScoreMax: Int64 = 300_000
    // Whether an update below the least score is left out of the round, or only paid without its score share.
    var leavesOutLowScores = true
    // The least share of equal blocks of a task that was run again, and of right benchmark answers.
    var matchLeast: Int64 = 900_000
    var benchmarkLeast: Int64 = 1_000_000

    init() {}

    init(_ settings: Settings) throws(PluginFailure) {
        var settings = settings
        let share: ClosedRange<Int64> = 0...1_000_000
        measureRate = try settings.integer("measure_rate_e6", in: share) ?? measureRate
        taskRate = try settings.integer("task_rate_e6", in: Self.taskRateFloor...1_000_000) ?? taskRate
        benchmarkRate = try settings.integer("benchmark_rate_e6", in: share) ?? benchmarkRate
        normMax = try settings.integer("norm_max_e6", in: 1...1_000_000_000_000) ?? normMax
        scoreLeast = try settings.integer("score_least_e6", in: share) ?? scoreLeast
        noiseScoreMax = try settings.integer("noise_score_max_e6", in: share) ?? noiseScoreMax
        leavesOutLowScores = try settings.boolean("leave_out_low_scores") ?? leavesOutLowScores
        matchLeast = try settings.integer("match_least_e6", in: share) ?? matchLeast
        benchmarkLeast = try settings.integer("benchmark_least_e6", in: share) ?? benchmarkLeast
        try settings.refuseOthers()
        guard noiseScoreMax <= scoreLeast else {
            throw PluginFailure(.invalid, "noise_score_max_e6 must not be above score_least_e6")
        }
    }
}
