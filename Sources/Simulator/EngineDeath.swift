import Glibc
import Synchronization

/// Says which seed was under way when an engine ended the process: it shares the process with the simulator, so that a
/// trap or a bad access of its code ends both.
package enum EngineDeath {
    /// The thread of a run, and its seed.
    private struct Slot: ~Copyable {
        let thread = Atomic<UInt>(0)
        let seed = Atomic<UInt64>(0)
    }

    private static let slotCount = 256
    // Allocated once and never freed; its atomics are all that is shared: that is the argument for
    // `nonisolated(unsafe)`.
    nonisolated(unsafe) private static let slots: UnsafeMutablePointer<Slot> = {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotCount)
        for place in 0..<slotCount { (slots + place).initialize(to: Slot()) }
        return slots
    }()
    // Written by `report` before the handlers are there, which only read it: that is the argument for
    // `nonisolated(unsafe)`.
    nonisolated(unsafe) private static var ending: UnsafeMutableBufferPointer<UInt8>?

    /// From now on a fatal signal writes the seed of the thread that got it to standard error, and how to repeat it.
    ///
    /// - Parameter command: without the seed, which comes after ` --seeds `.
    package static func report(repeating command: String) {
        let text = Array(" \(command)\n".utf8)
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        _ = copy.initialize(from: text)
        ending = copy
        _ = slots
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT] { signal(number, handle) }
    }

    /// Notes that this thread runs a seed, for the time of the body.
    static func noting<Result>(_ seed: UInt64, _ body: () -> Result) -> Result {
        let thread = UInt(pthread_self())
        var place = 0
        while place < slotCount {
            let (isFree, _) = slots[place].thread.compareExchange(
                expected: 0, desired: thread, ordering: .acquiringAndReleasing)
            if isFree { break }
            place += 1
        }
        guard place < slotCount else { return body() }
        slots[place].seed.store(seed, ordering: .releasing)
        defer { slots[place].thread.store(0, ordering: .releasing) }
        return body()
    }

    // On the thread that the signal hit: nothing is allocated and no lock is taken here.
    private static let handle: @convention(c) (Int32) -> Void = { number in
        signal(number, SIG_DFL)
        let thread = UInt(pthread_self())
        for place in 0..<slotCount where slots[place].thread.load(ordering: .relaxed) == thread {
            let seed = slots[place].seed.load(ordering: .relaxed)
            write("\nseed ")
            write(seed)
            write(": the engine ended this process\n  repeat: vinculum simulate --seeds ")
            write(seed)
            if let ending { _ = Glibc.write(STDERR_FILENO, ending.baseAddress, ending.count) }
        }
        raise(number)
    }

    private static func write(_ text: StaticString) {
        _ = Glibc.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }

    private static func write(_ number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor > 9 { divisor *= 10 }
        while divisor > 0 {
            var digit = UInt8(0x30 + number / divisor % 10)
            _ = Glibc.write(STDERR_FILENO, &digit, 1)
            divisor /= 10
        }
    }
}
