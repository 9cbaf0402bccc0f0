import Synchronization
import Testing

@testable import Node

/// Counts what happens on the thread.
private struct Tally: SerialThreadState {
    var numbers: [Int] = []
    var settled = 0
    var deadline: ContinuousClock.Instant?
    var fired = 0

    var nextDeadline: ContinuousClock.Instant? { deadline }

    mutating func settle() {
        settled += 1
        if let deadline, deadline <= .now {
            fired += 1
            self.deadline = nil
        }
    }
}

private struct Trouble: Error, Hashable { let number: Int }

@Suite("A serial thread runs what it is given, in order, until it is stopped")
struct SerialThreadTests {
    @Test("closures run in the order in which they were handed over")
    func order() async throws {
        let thread = try await SerialThread(name: "test") { Tally() }
        for number in 0..<1_000 { thread.post { $0.numbers.append(number) } }
        #expect(try await thread.perform { $0.numbers } == Array(0..<1_000))
        await thread.stop()
    }

    @Test("callers of many tasks get their own answers and errors")
    func manyCallers() async throws {
        let thread = try await SerialThread(name: "test") { Tally() }
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    do {
                        return try await thread.perform { state in
                            state.numbers.append(number)
                            if number % 3 == 0 { throw Trouble(number: number) }
                            return number
                        } == number
                    } catch {
                        return number % 3 == 0 && error as? Trouble == Trouble(number: number)
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(try await thread.perform { $0.numbers.sorted() } == Array(0..<200))
        await thread.stop()
    }

    @Test("an error of the state's making is the initialiser's")
    func failsToStart() async throws {
        await #expect(throws: Trouble(number: 1)) {
            _ = try await SerialThread<Tally>(name: "test") { throw Trouble(number: 1) }
        }
    }

    @Test("what was handed over before the stop runs, and what comes after is refused")
    func stop() async throws {
        let thread = try await SerialThread(name: "test") { Tally() }
        let ran = Atomic(0)
        for _ in 0..<100 { thread.post { _ in ran.add(1, ordering: .relaxed) } }
        await thread.stop()
        #expect(ran.load(ordering: .relaxed) == 100)
        #expect(!thread.post { _ in })
        await #expect(throws: ThreadStopped()) { try await thread.perform { $0.numbers } }
        // Stopping twice, and from several tasks, ends.
        await withTaskGroup(of: Void.self) { group in for _ in 0..<4 { group.addTask { await thread.stop() } } }
    }

    @Test("the state's deadline wakes the thread with nobody calling")
    func deadline() async throws {
        let thread = try await SerialThread(name: "test") { Tally() }
        _ = try await thread.perform { $0.deadline = .now + .milliseconds(20) }
        let limit = ContinuousClock.now + .seconds(5)
        var fired = 0
        while fired == 0, .now < limit {
            try await Task.sleep(for: .milliseconds(5))
            fired = try await thread.perform { $0.fired }
        }
        #expect(fired == 1)
        await thread.stop()
    }

    @Test("a thread that waits for nothing does not spin")
    func idle() async throws {
        let thread = try await SerialThread(name: "test") { Tally() }
        let before = try await thread.perform { $0.settled }
        try await Task.sleep(for: .milliseconds(100))
        #expect(try await thread.perform { $0.settled } - before < 10)
        await thread.stop()
    }
}
