import Testing

@testable import Node

@Suite("Whoever waits for a block is woken, in time or at once")
struct CommitSignalTests {
    @Test("a block that is there already does not make anybody wait")
    func passed() async {
        let signal = CommitSignal()
        signal.committed(3)
        signal.committed(2)
        #expect(signal.height == 3)
        let start = ContinuousClock.now
        await signal.wait(above: 2, atMost: .seconds(60))
        await signal.wait(above: 99, atMost: .zero)
        await signal.wait(above: 99, atMost: .seconds(-1))
        #expect(ContinuousClock.now - start < .seconds(50))
    }

    @Test("all waiters are woken by the next block")
    func wakesAll() async {
        let signal = CommitSignal()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { await signal.wait(above: 0, atMost: .seconds(60)) } }
            group.addTask {
                try? await Task.sleep(for: .milliseconds(10))
                signal.committed(1)
            }
        }
        #expect(signal.waiterCount == 0)
    }

    @Test("the time runs out, however short it is", .timeLimit(.minutes(1)))
    func timeout() async {
        let signal = CommitSignal()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<2_000 {
                group.addTask { await signal.wait(above: 0, atMost: .nanoseconds(1 + number % 7)) }
            }
        }
        #expect(signal.waiterCount == 0)
    }

    @Test("a cancelled task is woken, also one that was cancelled before", .timeLimit(.minutes(1)))
    func cancelled() async {
        let signal = CommitSignal()
        for number in 0..<200 {
            let task = Task { await signal.wait(above: 0, atMost: .seconds(600)) }
            if number % 2 == 0 { await Task.yield() }
            task.cancel()
            await task.value
        }
        #expect(signal.waiterCount == 0)
    }
}
