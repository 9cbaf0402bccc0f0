import Foundation
import TestSupport
import Testing

/// SIGKILL at random instants, then `--resume`: the job is done, the supply is what it was, nobody is paid twice and
/// no budget is spent twice. The demo itself checks the books; a check that does not hold ends it with 1.
///
/// Environment: `VINCULUM_DEMO_KILLS` (how many instants, 50), `VINCULUM_DEMO_SEED` (repeats a run that failed),
/// `VINCULUM_DEMO_FULL` (kills the demo of ten sites and thirty rounds: the campaign).
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct DemoResumeTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let isFull = environment["VINCULUM_DEMO_FULL"] == "1"
    private static let killCount = environment["VINCULUM_DEMO_KILLS"].flatMap { Int($0) } ?? (isFull ? 20 : 50)
    private static let firstSeed = environment["VINCULUM_DEMO_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...1 << 40)

    /// Seeded, so that a failure can be repeated as far as processes on a machine repeat themselves.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    @Test func runsThatAreKilledAnywhereGoOn() async throws {
        let length = try await lengthOfUndisturbedRun()
        var kills = 0
        var number: UInt64 = 0
        while kills < Self.killCount {
            let seed = Self.firstSeed &+ number
            number += 1
            kills += try await killAndResume(seed: seed, length: length, atMost: Self.killCount - kills)
        }
    }

    private func arguments(_ dir: String) -> [String] {
        let size = Self.isFull ? ["--seed", "5"] : ["--sites", "3", "--rounds", "2", "--seed", "5"]
        return ["demo", "--dir", dir, "--json"] + size
    }

    private func lengthOfUndisturbedRun() async throws -> Duration {
        let folder = try StagedProgram.openFolder()
        let start = ContinuousClock.now
        let result = try await StagedProgram.command(arguments(folder.path("demo"))).finish(timeout: .seconds(600))
        #expect(result.status == 0, "the undisturbed run failed: \(result.errors)")
        return ContinuousClock.now - start
    }

    /// One folder: killed a few times, resumed each time, and at last left alone. Answers how often it was killed while
    /// it ran.
    private func killAndResume(seed: UInt64, length: Duration, atMost limit: Int) async throws -> Int {
        var generator = Generator(state: seed)
        let folder = try StagedProgram.openFolder()
        let dir = folder.path("demo")
        let wanted = min(limit, Int.random(in: 1...4, using: &generator))
        var story: [String] = []
        var kills = 0
        while kills < wanted {
            let command = StagedProgram.command(arguments(dir) + (kills == 0 ? [] : ["--resume"]))
            let running = try command.start()
            // What a resumed run has left to do is shorter: a kill after its end would be none.
            let wait = length / 1_000 * Int.random(in: 0...(kills == 0 ? 1_000 : 600), using: &generator)
            let killsOne = Int.random(in: 0..<3, using: &generator) == 0
            sleep(wait)
            if killsOne {
                // One child alone first: the demo starts it again, and is killed while it does.
                let children = ProcessFamily(root: running.identifier).children
                if let child = children.randomElement(using: &generator) {
                    story.append("child \(children.firstIndex(of: child) ?? 0) after \(wait)")
                    kill(child, SIGKILL)
                }
                sleep(length / 1_000 * Int.random(in: 0...500, using: &generator))
            }
            guard ProcessFamily.isRunning(running.identifier) else {
                _ = await running.end(timeout: .seconds(10))
                break
            }
            kills += 1
            story.append("everything after \(wait)\(killsOne ? " and more" : "")")
            for process in ProcessFamily(root: running.identifier).all { kill(process, SIGKILL) }
            _ = await running.end(timeout: .seconds(10))
        }
        let result = try await StagedProgram.command(arguments(dir) + ["--resume"]).finish(timeout: .seconds(600))
        let context = "VINCULUM_DEMO_SEED=\(seed), killed: \(story.joined(separator: "; ")): \(result.errors)"
        #expect(result.status == 0, "\(context)")
        guard result.status == 0 else { return max(1, kills) }
        let document = try DemoDocument.read(result.output)
        #expect(document.broken.isEmpty, "\(context)")
        #expect(document.roundsDone == document.rounds, "\(context)")
        #expect(document.detection.honestSlashed.isEmpty, "\(context)")
        return kills
    }

    /// The node, then a site, then whatever is drawn: one child of a run is killed, and the run ends well by itself.
    @Test func aChildThatIsKilledIsStartedAgain() async throws {
        let length = try await lengthOfUndisturbedRun()
        var generator = Generator(state: Self.firstSeed)
        for place in 0..<4 {
            let folder = try StagedProgram.openFolder()
            let running = try StagedProgram.command(arguments(folder.path("demo"))).start()
            // Not before its children are there, and not so late that none is needed any more.
            let wait = length / 1_000 * Int.random(in: 350...650, using: &generator)
            sleep(wait)
            let children = ProcessFamily(root: running.identifier).children
            let child = place < children.count ? children[place] : children.randomElement(using: &generator)
            let killed = try #require(child, "there is no child after \(wait)")
            kill(killed, SIGKILL)
            let result = await running.end(timeout: .seconds(600))
            let context = "VINCULUM_DEMO_SEED=\(Self.firstSeed), child \(place) after \(wait): \(result.errors)"
            #expect(result.status == 0, "\(context)")
            guard result.status == 0 else { continue }
            let document = try DemoDocument.read(result.output)
            #expect(document.processRestarts >= 1, "\(context)")
            #expect(document.broken.isEmpty && document.roundsDone == document.rounds, "\(context)")
        }
    }

    private func sleep(_ duration: Duration) {
        usleep(UInt32(max(0, duration / .microseconds(1))))
    }
}
