extension SiteAgent {
    public struct Settings: Sendable {
        /// How often the site's own work is tried before the site declines, if the trouble may pass.
        public var attempts = 3
        /// The wait after the first failure of the site's own work; doubled after each further one.
        public var firstWait: Duration = .seconds(1)
        /// Commitments leave at the multiples of this on the wall clock, so that how long training took shows in whole
        /// steps only.
        public var commitStep: Duration = .seconds(1)
        /// How long after a deadline a member says so, if the aggregator has not.
        public var deadlineGrace: Duration = .seconds(5)
        /// The wall clock, milliseconds since 1970.
        public var now: @Sendable () -> UInt64 = { WallClock.milliseconds() }

        public init() {}
    }
}
