import Synchronization
import Testing

@testable import Node

/// The operator's clock may be set at any moment; the kernel's time goes on.
@Suite struct KernelClockTests {
    private final class SetClock: Sendable {
        private let offset = Mutex(Int64(0))
        func set(back milliseconds: Int64) { offset.withLock { $0 -= milliseconds } }
        func read() -> UInt64 { UInt64(Int64(WallClock.milliseconds()) + offset.withLock { $0 }) }
    }

    @Test func timePassesWhileASetBackClockCatchesUp() async throws {
        let wall = SetClock()
        var clock = KernelClock(wall: { wall.read() })
        let before = clock.now()
        wall.set(back: 3_600_000)
        let due = clock.now() + 40
        #expect(clock.duration(until: due) <= .milliseconds(40))
        try await Task.sleep(for: .milliseconds(60))
        #expect(clock.now() >= due && clock.now() < before + 60_000)
        #expect(clock.duration(until: due) == .zero)
    }

    @Test func aClockThatIsSetForwardIsFollowedAndNeverLeftAgain() {
        let wall = SetClock()
        var clock = KernelClock(wall: { wall.read() })
        let before = clock.now()
        wall.set(back: -3_600_000)
        let ahead = clock.now()
        #expect(ahead >= before + 3_600_000)
        wall.set(back: 7_200_000)
        #expect(clock.now() >= ahead && clock.now() < ahead + 60_000)
    }
}
