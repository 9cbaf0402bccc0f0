import CVinculum
public import Primitives

/// What a call of a plugin costs. Needs an engine that answers a step; `consensus-solo` or a few lines of C.
///
/// Prints nothing; whoever calls decides how. Times are of this thread's wall clock, medians over many rounds,
/// because the machines that run this are shared.
public struct PluginCallBenchmark {
    /// Nanoseconds.
    public struct Figures: Sendable, Hashable {
        /// The plugin's own function, called through its table with nothing of the host in between.
        public let direct: Double
        /// The same through `ConsensusInstance`: lane mark, sink, status.
        public let hosted: Double
        /// A step in a child process with an event of 1 KiB, median and 90th percentile.
        public let isolatedKibibyte: Double
        public let isolatedKibibyte90: Double

        public var overhead: Double { hosted - direct }
    }

    /// Steps of an engine in this process, and of one in a child.
    public static func steps(
        inProcess engine: ConsensusInstance, isolated: ConsensusInstance, event: ConsensusEvent, large: ConsensusEvent,
        rounds: Int = 200, callsInRound: Int = 2000, isolatedCalls: Int = 5000
    ) throws(PluginError) -> Figures {
        guard let target = engine.target as? DirectTarget else {
            throw PluginError(
                .system, plugin: engine.manifest.id, call: "benchmark", "the first engine is not in this process")
        }
        let bytes = event.encoded()
        let path = try ConsensusInstance.StepPath(target)
        let sink = SinkBuffer(limit: PluginCall.step.outputLimit)
        // What a program pays that has the plugin's function and throws its effects away.
        var nothing = vin_sink(
            struct_size: UInt32(MemoryLayout<vin_sink>.size), reserved: 0, sink_data: nil, append: { _, _, _ in 0 })
        let direct = try median(rounds) { () throws(PluginError) in
            bytes.lend { event in
                for _ in 0..<callsInRound {
                    _ = path.table.pointee.step?(path.table.pointee.plugin_data, event, &nothing)
                }
            }
        }
        let hosted = try median(rounds) { () throws(PluginError) in
            for _ in 0..<callsInRound { try path.step(bytes, sink, target) }
        }
        let kibibyte = large.encoded()
        var times: [UInt64] = []
        times.reserveCapacity(isolatedCalls)
        for _ in 0..<isolatedCalls {
            let begin = monotonicNanoseconds()
            _ = try isolated.step(encoded: kibibyte)
            times.append(monotonicNanoseconds() - begin)
        }
        times.sort()
        return Figures(
            direct: direct / Double(callsInRound), hosted: hosted / Double(callsInRound),
            isolatedKibibyte: Double(times[times.count / 2]), isolatedKibibyte90: Double(times[times.count * 9 / 10]))
    }

    /// Nanoseconds to hand `buffer` over to a privacy plugin (`combine` into itself), median: nothing of it goes
    /// through the socket. The plugin must have begun a round as aggregator.
    public static func combine(
        _ plugin: PrivacyInstance, member: PublicKey, vector: PluginBuffer, total: PluginBuffer, rounds: Int = 200
    ) throws(PluginError) -> Double {
        try median(rounds) { () throws(PluginError) in
            try plugin.combine(member: member, vector: vector, total: total)
        }
    }

    private static func median(_ rounds: Int, _ body: () throws(PluginError) -> Void) throws(PluginError) -> Double {
        var times: [UInt64] = []
        for _ in 0..<max(rounds, 1) {
            let begin = monotonicNanoseconds()
            try body()
            times.append(monotonicNanoseconds() - begin)
        }
        return Double(times.sorted()[times.count / 2])
    }
}
