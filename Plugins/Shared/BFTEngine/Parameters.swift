package import PluginKit

/// The engine's section of the genesis: the same on every validator.
package struct EngineParameters: Equatable, Sendable {
    /// From the first waiting transaction to the proposal.
    package var batchMilliseconds: Int64 = 2
    /// A proposal goes out without waiting when so many transactions wait.
    package var transactionsAtOnce: UInt64 = 2_000
    /// The proposer tries a block after so long without one, transactions or not; 0: only with transactions.
    package var idleMilliseconds: Int64 = 0
    /// The shortest and the longest wait for a proposal or for votes.
    package var timeoutLeastMilliseconds: Int64 = 300
    package var timeoutMostMilliseconds: Int64 = 60_000
    /// How far two clocks of honest validators may be apart.
    package var precisionMilliseconds: Int64 = 500
    /// How long a proposal may travel and wait to be looked at, in the first round.
    package var messageDelayMilliseconds: Int64 = 5_000

    package init() {}

    package init(_ settings: Settings) throws(PluginFailure) {
        var settings = settings
        if let value = try settings.integer("batch_ms", in: 0...60_000) { batchMilliseconds = value }
        if let value = try settings.integer("transactions_at_once", in: 1...1_000_000) {
            transactionsAtOnce = UInt64(value)
        }
        if let value = try settings.integer("idle_ms", in: 0...86_400_000) { idleMilliseconds = value }
        if let value = try settings.integer("timeout_least_ms", in: 10...60_000) { timeoutLeastMilliseconds = value }
        if let value = try settings.integer("timeout_most_ms", in: 1_000...3_600_000) {
            timeoutMostMilliseconds = value
        }
        if let value = try settings.integer("precision_ms", in: 1...60_000) { precisionMilliseconds = value }
        if let value = try settings.integer("message_delay_ms", in: 1...600_000) { messageDelayMilliseconds = value }
        try settings.refuseOthers()
        guard timeoutLeastMilliseconds <= timeoutMostMilliseconds else {
            throw PluginFailure(.invalid, "timeout_least_ms is above timeout_most_ms")
        }
    }
}

/// How long to wait, from what was seen: four times the time that a block took lately, half as much again each round.
package struct Timeouts: Equatable, Sendable {
    /// A weighted mean of the times from a round's start to its decision, in 1/8 milliseconds.
    private var meanEighths: Int64 = 0

    package init() {}

    /// A decision took so long from the start of its round.
    package mutating func observe(_ milliseconds: Int64, round: UInt32) {
        let value = min(max(0, milliseconds), 600_000) * 8
        // A decision in a later round says that waits were too short: its time counts at once.
        if round > 0 || meanEighths == 0 {
            meanEighths = max(meanEighths, value)
        } else {
            meanEighths += (value - meanEighths) / 8
        }
    }

    package func wait(round: UInt32, _ parameters: EngineParameters) -> Int64 {
        let most = parameters.timeoutMostMilliseconds
        var wait = min(max(parameters.timeoutLeastMilliseconds, meanEighths / 2), most)
        for _ in 0..<min(round, 64) where wait < most { wait += wait / 2 }
        return min(wait, most)
    }

    /// How old a block's time may be: longer each round, so that a guess that was too low cannot stop the chain.
    package static func delay(round: UInt32, _ parameters: EngineParameters) -> Int64 {
        var delay = parameters.messageDelayMilliseconds
        for _ in 0..<min(round, 64) where delay < 3_600_000 { delay += delay / 4 + 1 }
        return delay
    }
}
