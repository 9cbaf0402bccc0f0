import Foundation
import TestSupport
import Testing

/// Plugins in processes of their own, in a whole federation.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct IsolatedPluginTests {
    private func demo(_ folder: TemporaryFolder, environment: [String: String] = [:]) -> Command {
        var command = StagedProgram.command([
            "demo", "--sites", "3", "--rounds", "2", "--seed", "7", "--attack", "none", "--dir", folder.path("demo"),
            "--json",
        ])
        for (name, value) in environment { command.environment[name] = value }
        return command
    }

    /// Each site's runtime is killed once: a call fails with the reason, the site lives on, the next task gets a new
    /// process, and the books hold.
    @Test func sitesLiveOnWhenTheirRuntimesAreKilled() async throws {
        let folder = try StagedProgram.openFolder()
        let running = try demo(folder).start()
        let family = ProcessFamily(root: running.identifier)
        var killed: Set<pid_t> = []
        let deadline = ContinuousClock.now + .seconds(60)
        func logs() -> [String] { ["site-01", "site-02", "site-03"].map { folder.text("demo/logs/\($0).log") } }
        while killed.count < 3, ContinuousClock.now < deadline {
            // A plugin that dies while its site starts keeps the site from starting, which is another story.
            guard logs().allSatisfy({ $0.contains("ready as") }) else {
                try await Task.sleep(for: .milliseconds(2))
                continue
            }
            for child in family.members(withArgument: "plugin-child") where killed.count < 3 {
                if killed.insert(child).inserted { kill(child, SIGKILL) }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(killed.count == 3)
        let result = await running.end(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        let document = try DemoDocument.read(result.output)
        #expect(document.broken.isEmpty && document.roundsDone == 2)
        // No site was started again: the plugin's process died, and not the site's.
        #expect(document.processRestarts == 0)
        let words = logs().joined()
        #expect(words.contains("signal 9"), "\(words)")
        #expect(words.contains("starting a new process for the plugin"), "\(words)")
    }

    @Test func aFederationRunsWithEveryPluginInAProcessOfItsOwn() async throws {
        let folder = try StagedProgram.openFolder()
        let running = try demo(folder, environment: ["VINCULUM_PLUGINS_ISOLATION": "process"]).start()
        let family = ProcessFamily(root: running.identifier)
        var most = 0
        let watch = ContinuousClock.now + .seconds(20)
        // A runtime, a mechanism and a verifier for each site, and the node's engine.
        while most < 10, ContinuousClock.now < watch {
            most = max(most, family.members(withArgument: "plugin-child").count)
            try await Task.sleep(for: .milliseconds(10))
        }
        let result = await running.end(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        #expect(try DemoDocument.read(result.output).broken.isEmpty)
        #expect(most >= 10, "\(most)")
    }

    /// With all plugins isolated, the node's engine is killed twice: the chain goes on, and no block is made twice.
    @Test func theNodeGoesOnWhenItsEngineIsKilled() async throws {
        let folder = try StagedProgram.openFolder()
        let running = try demo(folder, environment: ["VINCULUM_PLUGINS_ISOLATION": "process"]).start()
        let family = ProcessFamily(root: running.identifier)
        let deadline = ContinuousClock.now + .seconds(60)
        var killed: Set<pid_t> = []
        while killed.count < 2, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            guard folder.text("demo/logs/node.log").contains("ready"),
                folder.text("demo/logs/site-01.log").contains("accepted"),
                let node = family.members(withArgument: "run").first
            else { continue }
            for child in ProcessFamily(root: node).members(withArgument: "plugin-child")
            where killed.insert(child).inserted {
                kill(child, SIGKILL)
                try await Task.sleep(for: .milliseconds(300))
            }
        }
        #expect(killed.count == 2)
        let result = await running.end(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        let document = try DemoDocument.read(result.output)
        #expect(document.broken.isEmpty && document.roundsDone == 2 && document.processRestarts == 0)
        let words = folder.text("demo/logs/node.log")
        #expect(words.contains("the engine's process ended; a new one goes on from height"), "\(words)")
    }

    @Test func inProcessIsTheOperatorsWord() async throws {
        let folder = try StagedProgram.openFolder()
        let environment = ["VINCULUM_PLUGINS_IN_PROCESS": "org.vinculum.runtime-process"]
        let running = try demo(folder, environment: environment).start()
        let family = ProcessFamily(root: running.identifier)
        let watching = Task.detached {
            var seen = 0
            while !Task.isCancelled {
                seen = max(seen, family.members(withArgument: "plugin-child").count)
                try? await Task.sleep(for: .milliseconds(10))
            }
            return seen
        }
        #expect(await running.end(timeout: .seconds(120)).status == 0)
        watching.cancel()
        #expect(await watching.value == 0)
    }
}
