/// The kernel's time: goes on as time passes whatever is done to the wall clock, and never goes back. A clock that is
/// set forward is followed; one that is set back is caught up with, so that timers go on and blocks are made meanwhile.
struct KernelClock: Sendable {
    private let wall: @Sendable () -> UInt64
    private var start: (milliseconds: UInt64, instant: ContinuousClock.Instant)

    /// - Parameter wall: milliseconds since 1970.
    init(wall: @escaping @Sendable () -> UInt64 = { WallClock.milliseconds() }) {
        self.wall = wall
        start = (wall(), .now)
    }

    /// Milliseconds since 1970; never below an earlier answer.
    mutating func now() -> UInt64 {
        let (instant, time) = (ContinuousClock.now, wall())
        let passed = passed(at: instant)
        guard time > passed else { return passed }
        start = (time, instant)
        return time
    }

    /// How long it is until a time comes.
    func duration(until time: UInt64) -> Duration {
        let now = max(wall(), passed(at: .now))
        return .milliseconds(Int64(clamping: time > now ? time - now : 0))
    }

    private func passed(at instant: ContinuousClock.Instant) -> UInt64 {
        start.milliseconds + (instant - start.instant).wholeMilliseconds
    }
}

extension Duration {
    /// Rounded down; 0 for less than nothing.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds)) * 1_000 + UInt64(max(0, attoseconds)) / 1_000_000_000_000_000
    }
}
