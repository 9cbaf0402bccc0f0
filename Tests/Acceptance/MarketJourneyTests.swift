import Foundation
import TestSupport
import Testing

/// A requester and sites that lend their machines, through the installed program.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct MarketJourneyTests {
    private struct Task: Decodable {
        struct Replica: Decodable {
            var provider: String
            var outcome: String
            var result: String?
        }

        var schema: String
        var id: String
        var status: String
        var paid: String
        var audited: Bool
        var replicas: [Replica]
        var correct: Int?
        var count: Int?
    }

    @Test func providersAnswerABenchmarkAndEvaluateAModelEquallyAndArePaid() async throws {
        let folder = try StagedProgram.openFolder()
        var running: [Command.Running] = []
        defer {
            for process in running { process.send(SIGTERM) }
            for process in running { _ = process.wait(timeout: .seconds(20)) }
        }
        let node = folder.path("node")
        let records = "\(StagedProgram.prefix ?? "")/etc/vinculum/data/digits.safetensors"
        try run(["init", "--data", node])
        running.append(try StagedProgram.command(["run", "--data", node]).start())
        try run(["wait", "--data", node, "--timeout", "30"])
        let requester = try run(["account", "address", "main", "--data", node])
        for name in ["north", "south", "west"] {
            let site = folder.path(name)
            let made = try document([
                "init", "site", "--data", site, "--genesis", "\(node)/genesis.dagcbor", "--node",
                "unix:\(node)/api.sock", "--dataset", records, "--requester", requester, "--purpose", "research",
                "--json",
            ])
            let account = try #require(made["account"] as? String)
            #expect(made["schema"] as? String == "vinculum/init-site/1")
            #expect(made["size_band"] as? Int == 1_800)
            try run(["tx", "transfer", "--data", node, "--to", account, "1"])
            let file = "\(site)/site.toml"
            let policy = try String(contentsOfFile: file, encoding: .utf8)
            try policy.replacingOccurrences(of: "\noffer = false", with: "\noffer = true")
                .write(toFile: file, atomically: true, encoding: .utf8)
            running.append(try StagedProgram.command(["work", "--config", file]).start())
        }
        try await until("three offers") {
            let offers = try document(["task", "offers", "--data", node, "--json"])
            #expect(offers["schema"] as? String == "vinculum/offers/1")
            return (offers["offers"] as? [Any])?.count == 3
        }

        let benchmark = try task(["task", "benchmark", "--data", node, "--widths", "64-16-10", "--count", "200"])
        #expect(benchmark.status == "done" && benchmark.paid == "2")
        #expect(benchmark.replicas.map(\.outcome) == ["accepted", "accepted"])
        #expect(Set(benchmark.replicas.map(\.provider)).count == 2)
        #expect(Set(benchmark.replicas.map(\.result)).count == 1)

        let shown = try task(["task", "show", benchmark.id, "--data", node])
        #expect(shown.id == benchmark.id && shown.status == "done")

        // A model of the digits' shape: the benchmark's own result.
        let model = try #require(benchmark.replicas.first?.result)
        let bought = try task([
            "task", "evaluate", "--data", node, "--model", model, "--records", records, "--input-factor", "0.125",
            "--input-offset", "-0.5",
        ])
        #expect(bought.status == "done" && bought.count == 1_797)
        #expect(bought.audited, "newcomers are always audited")
        #expect(Set(bought.replicas.map(\.result)).count == 1)
        #expect(bought.paid == "3", "two replicas and the auditor")
    }

    // MARK: Running

    @discardableResult
    private func run(_ arguments: [String]) throws -> String {
        let result = try StagedProgram.command(arguments).run(timeout: .seconds(60))
        #expect(result.status == 0, "\(arguments.joined(separator: " ")): \(result.errors)\(result.output)")
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func document(_ arguments: [String]) throws -> [String: Any] {
        let data = Data(try run(arguments).utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func task(_ arguments: [String]) throws -> Task {
        let task = try JSONDecoder().decode(Task.self, from: Data(try run(arguments + ["--json"]).utf8))
        #expect(task.schema == "vinculum/task/1")
        return task
    }

    private func until(_ what: String, _ holds: () throws -> Bool) async throws {
        for _ in 0..<150 {
            if try holds() { return }
            try await _Concurrency.Task.sleep(for: .milliseconds(200))
        }
        Issue.record("\(what): not in 30 s")
    }
}
