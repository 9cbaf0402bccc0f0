import Foundation
import TestSupport
import Testing

/// What a requester, a member and anybody else can do with a job that does not go as planned, through the installed
/// program: a node, three sites that really train, and jobs.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
final class JobJourneyTests {
    private let folder: TemporaryFolder
    private let node: String
    private var running: [Command.Running] = []
    private var members: [String] = []

    init() throws {
        folder = try StagedProgram.openFolder()
        node = folder.path("node")
        try run(["init", "--data", node])
        running.append(try StagedProgram.command(["run", "--data", node]).start())
        try run(["wait", "--data", node, "--timeout", "30"])
    }

    deinit {
        for process in running { process.send(SIGTERM) }
        for process in running { _ = process.wait(timeout: .seconds(20)) }
    }

    @Test func aJobIsFollowedLeftAndClosed() async throws {
        try startSites()
        let job = try submit(rounds: 40)
        try await until("a round is done") { (try self.show(job)["rounds_done"] as? Int ?? 0) > 0 }

        // A member leaves with the key of its site's folder; the job's escrow pays.
        let left = try document(["job", "withdraw", job, "--data", folder.path("south"), "--node", address])
        #expect(left["schema"] as? String == "vinculum/receipt/1" && left["result_code"] as? Int == 0)
        #expect(try show(job)["active"] as? Int == 2)
        // Twice is refused, in words.
        let again = try result(["job", "withdraw", job, "--data", folder.path("south"), "--node", address])
        #expect(again.status == 65, "\(again.output)\(again.errors)")

        let closed = try document(["job", "close", job, "--data", node])
        #expect(closed["result_code"] as? Int == 0)
        let watched = try result(["job", "watch", job, "--data", node])
        #expect(watched.status == 0 && watched.output.contains("finished: closed early"), "\(watched.output)")
        #expect(try show(job)["end"] as? String == "closed_early")

        // Its model, proven under the genesis: the folder's, or one that is given.
        let model = folder.path("model.safetensors")
        let fetched = try document(["job", "model", job, "--out", model, "--data", node])
        #expect(fetched["schema"] as? String == "vinculum/job-model/1")
        #expect(fetched["bytes"] as? Int == FileManager.default.contents(atPath: model)?.count)
        let elsewhere = folder.path("elsewhere.safetensors")
        let bare = ["job", "model", job, "--out", elsewhere, "--data", folder.path("none"), "--node", address]
        #expect(try result(bare).status == 68)
        #expect(try result(bare + ["--genesis", "\(node)/genesis.dagcbor"]).status == 0)

        // A folder of another chain: nothing is believed, and nothing is signed for a chain that the node names.
        let other = folder.path("other")
        try run(["init", "--data", other])
        let third = ["job", "model", job, "--out", folder.path("third"), "--data", other, "--node", address]
        #expect(try result(third).status == 69)
        #expect(!FileManager.default.fileExists(atPath: folder.path("third")))
        for arguments in [
            ["tx", "transfer", "1", "--to", "main"], ["job", "close", job], ["task", "benchmark", "--count", "10"],
            ["job", "submit", folder.path("job.toml"), "--holdout", records],
        ] {
            let refused = try result(arguments + ["--data", other, "--node", address])
            #expect(refused.status == 69, "\(arguments): \(refused.output)\(refused.errors)")
            #expect(refused.errors.contains("follows chain"), "\(refused.errors)")
        }
        #expect(try result(["ledger", "verify", "--data", other, "--node", address]).status == 69)
        #expect(try result(["ledger", "verify", "--data", node]).status == 0)
    }

    /// The aggregator of this job does not exist: whoever wants the job to go on says that its time is over.
    @Test func aLostAggregatorIsReplaced() async throws {
        try startSites()
        try run(["account", "new", "ghost", "--data", node])
        let ghost = try run(["account", "address", "ghost", "--data", node])
        let job = try submit(
            rounds: 2, more: "[aggregation]\naccount = \"\(ghost)\"\n[deadlines]\naccept_ms = 3000\npropose_ms = 3000\n"
        )
        let early = try result(["job", "replace-aggregator", job, "--aggregator", "main", "--data", node])
        #expect(early.status == 65, "\(early.output)\(early.errors)")

        let heir = try run(["account", "address", "aggregator", "--data", node])
        try await until("the aggregator is lost", seconds: 60) {
            // Too early is refused with 65, and tried again.
            let status = try self.result(["job", "advance", job, "--data", self.node]).status
            #expect(status == 0 || status == 65)
            return try self.result(["job", "replace-aggregator", job, "--aggregator", heir, "--data", self.node])
                .status == 0
        }
        let watched = try result(["job", "watch", job, "--data", node])
        #expect(watched.status == 0 && watched.output.contains("finished: completed"), "\(watched.output)")
        #expect(try show(job)["aggregator"] as? String == heir)
    }

    @Test func anAbortedJobHasAnExitCodeAndAReason() throws {
        members = [try run(["account", "address", "main", "--data", node])]
        let job = try submit(rounds: 1)
        let stranger = try result(["job", "abort", job, "--from", "aggregator", "--data", node])
        #expect(stranger.status == 65, "only the requester may: \(stranger.output)")
        #expect(try result(["job", "abort", job, "--data", node]).status == 0)
        let watched = try result(["job", "watch", job, "--data", node])
        #expect(watched.status == 71 && watched.output.contains("aborted: aborted by requester"), "\(watched.output)")
        #expect(try show(job)["end"] as? String == "aborted_by_requester")
        #expect(try result(["job", "show", job, "--data", node]).output.contains("aborted by requester"))
    }

    // MARK: Running

    private var address: String { "unix:\(node)/api.sock" }
    private var records: String { "\(StagedProgram.prefix ?? "")/etc/vinculum/data/digits.safetensors" }

    private func startSites() throws {
        let requester = try run(["account", "address", "main", "--data", node])
        for name in ["north", "east", "south"] {
            let site = folder.path(name)
            let made = try document([
                "init", "site", "--data", site, "--genesis", "\(node)/genesis.dagcbor", "--node", address,
                "--dataset", records, "--requester", requester, "--purpose", "research/digits", "--least-members", "2",
            ])
            #expect(made["schema"] as? String == "vinculum/init-site/1")
            members.append(try #require(made["account"] as? String))
            running.append(try StagedProgram.command(["work", "--config", "\(site)/site.toml"]).start())
        }
    }

    private func submit(rounds: Int, more: String = "") throws -> String {
        let invited = members.map { "\"\($0)\"" }.joined(separator: ", ")
        let file = try folder.write(
            "job.toml",
            """
            [job]
            name = "digits"
            purpose = "research/digits"
            rounds = \(rounds)
            [members]
            invited = [\(invited)]
            least = \(min(2, members.count))
            [model]
            descriptor = "mlp/64-16-10"
            [training]
            input_factor = 0.125
            input_offset = -0.5
            [privacy]
            clip = 4.0
            epsilon = 3.0
            [verification]
            auditors = 1
            quorum = 1
            [payment]
            escrow = "2000"
            base = "5"
            \(more)
            """)
        let sent = try document(["job", "submit", file, "--holdout", records, "--data", node])
        return try #require(sent["id"] as? String)
    }

    private func show(_ job: String) throws -> [String: Any] { try document(["job", "show", job, "--data", node]) }

    private func result(_ arguments: [String]) throws -> CommandResult {
        try StagedProgram.command(arguments).run(timeout: .seconds(120))
    }

    @discardableResult
    private func run(_ arguments: [String]) throws -> String {
        let result = try result(arguments)
        #expect(result.status == 0, "\(arguments.joined(separator: " ")): \(result.errors)\(result.output)")
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func document(_ arguments: [String]) throws -> [String: Any] {
        RunningNode.document(try run(arguments + ["--json"]))
    }

    private func until(_ what: String, seconds: Int = 30, _ holds: () throws -> Bool) async throws {
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        while ContinuousClock.now < end {
            if try holds() { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        Issue.record("\(what): not in \(seconds) s")
    }
}
