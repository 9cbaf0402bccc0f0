import Foundation
import TestSupport
import Testing

/// The demo, end to end through the installed program: a small run.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing), .serialized)
struct DemoTests {
    @Test func smallRunEndsWithBooksThatHold() throws {
        let folder = try StagedProgram.openFolder()
        let dir = folder.path("demo")
        let result = try StagedProgram.command([
            "demo", "--sites", "3", "--rounds", "2", "--seed", "7", "--dir", dir, "--json",
        ]).run(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        let document = try DemoDocument.read(result.output)
        #expect(document.schema == "vinculum/demo/1")
        #expect(!document.isFallbackDataSet, "the Debian package dataset-fashion-mnist is not installed")
        #expect(document.broken.isEmpty)
        #expect(document.roundsDone == 2)
        #expect(document.detection.misbehaving == 0)
        #expect(document.detection.honestSlashed.isEmpty)
        #expect(document.proof?.verifiedOffline == true)
        #expect(document.accuracy.federation.count == 2)
        #expect(document.accuracy.federationWithoutNoise.count == 2)
        #expect(document.accuracy.central.count == 2)
        #expect(document.accuracy.alone.count == 3)

        // One site's budget pays for one round of the two; the others stay within the job's epsilon.
        #expect(document.refusals.count == 1)
        #expect(document.refusals.first?.firstRound == 2)
        #expect(["budget_exhausted", "local_budget_exhausted"].contains(document.refusals.first?.code ?? ""))
        for site in document.sites {
            #expect(site.epsilonSpent <= min(3, site.epsilonTotal), "\(site.name)")
            #expect(site.updateBytesSent > 0, "\(site.name)")
        }

        // The report lies in the folder, and the demo does not run over it.
        #expect(FileManager.default.fileExists(atPath: "\(dir)/report.json"))
        let again = try StagedProgram.command(["demo", "--sites", "3", "--rounds", "2", "--dir", dir]).run()
        #expect(again.status == 2)
        #expect(again.errors.contains("not empty"))
    }

    @Test(arguments: ["pos", "poc"]) func runsOnALedgerThatFourNodesDecideOn(engine: String) throws {
        let folder = try StagedProgram.openFolder()
        let dir = folder.path("demo")
        let result = try StagedProgram.command([
            "demo", "--sites", "3", "--rounds", "2", "--validators", "4", "--consensus", engine, "--dir", dir, "--json",
        ]).run(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        let document = try DemoDocument.read(result.output)
        #expect(document.broken.isEmpty && document.roundsDone == 2)
        #expect(document.proof?.verifiedOffline == true)
    }

    /// As `git clone … $(mktemp -d)/fresh` makes one: root's tasks run as another user, who may not pass it.
    @Test func aFolderThatNobodyElseMayPassWillDo() throws {
        func leftovers() throws -> Set<String> {
            Set(try FileManager.default.contentsOfDirectory(atPath: "/tmp").filter { $0.hasPrefix("vinculum-demo-") })
        }
        let before = try leftovers()
        let folder = try TemporaryFolder()
        chmod(folder.root, 0o700)
        let result = try StagedProgram.command([
            "demo", "--sites", "3", "--rounds", "1", "--dir", folder.path("demo"), "--json",
        ]).run(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        #expect(try DemoDocument.read(result.output).roundsDone == 1)
        #expect(try leftovers() == before)
    }

    @Test func withoutFashionTheDigitsAreTaken() throws {
        let folder = try StagedProgram.openFolder()
        let result = try StagedProgram.command(
            ["demo", "--sites", "3", "--rounds", "1", "--dir", folder.path("demo"), "--json"],
            environment: ["VINCULUM_FASHION_MNIST": "/nowhere"]
        ).run(timeout: .seconds(120))
        #expect(result.status == 0, "\(result.errors)")
        let document = try DemoDocument.read(result.output)
        #expect(document.isFallbackDataSet && document.broken.isEmpty && document.roundsDone == 1)
    }

    /// One of each kind among five: every one is found by what it sent, only the proven one is slashed, and the honest
    /// are paid.
    @Test func everyKindOfCheatIsFoundAndNobodyElse() throws {
        let folder = try StagedProgram.openFolder()
        let cheats = ["1=noise", "2=replay", "4=flip"]
        let result = try StagedProgram.command(
            ["demo", "--sites", "5", "--rounds", "4", "--seed", "3", "--dir", folder.path("demo"), "--json"]
                + cheats.flatMap { ["--attack", $0] }
        ).run(timeout: .seconds(240))
        #expect(result.status == 0, "\(result.errors)")
        let document = try DemoDocument.read(result.output)
        #expect(document.broken.isEmpty && document.roundsDone == 4)
        let detection = document.detection
        #expect(detection.misbehaving == 3 && detection.found == 3 && detection.missed.isEmpty)
        #expect(detection.falseAlarms.isEmpty && detection.honestSlashed.isEmpty)
        #expect(detection.updatesJudged >= 5 && detection.honestUpdatesRejected == 0)
        for (site, truth) in zip(document.sites, ["noise", "replay", "honest", "flip", "honest"]) {
            #expect(site.truth == truth)
            #expect(site.slashed == (truth == "replay"), "\(site.name), \(truth)")
            switch truth {
            case "honest":
                #expect(
                    site.verdict == "honest" && site.roundsFlagged == 0 && site.paidForUpdates != "0", "\(site.name)")
            case "replay":
                // Its first update was real work.
                #expect(site.verdict == "replay" && site.forfeited != "0")
            default:
                #expect(site.verdict != "honest" && site.roundsAccepted == 0 && site.paidForUpdates == "0", "\(truth)")
            }
        }
    }

    /// As somebody types it first: no folder named.
    @Test func theFolderOfTheCallerWillDo() throws {
        let folder = try StagedProgram.openFolder()
        var command = StagedProgram.command(["demo", "--sites", "3", "--rounds", "1", "--attack", "none"])
        command.folder = folder.root
        let result = try command.run()
        #expect(result.status == 0, "\(result.errors)")
        #expect(FileManager.default.fileExists(atPath: folder.path("vinculum-demo/report.json")))
        // The table for people, in its order.
        var rest = Substring(result.output)
        for title in ["Accuracy", "Sites", "Verdicts", "Paid from the escrow", "Its evaluation"] {
            let place = rest.range(of: title)
            #expect(place != nil, "\(title): \(result.output)")
            if let place { rest = rest[place.upperBound...] }
        }
    }

    @Test func proofIsVerifiedOfflineByTheCommand() throws {
        let folder = try StagedProgram.openFolder()
        let dir = folder.path("demo")
        let run = try StagedProgram.command([
            "demo", "--sites", "3", "--rounds", "1", "--dir", dir, "--attack", "none", "--json",
        ]).run()
        #expect(run.status == 0, "\(run.errors)")
        let proof = ["proof", "verify", "--genesis", "\(dir)/genesis.dagcbor", "\(dir)/payment.proof"]
        #expect(try StagedProgram.command(proof).run().status == 0)

        // One changed byte, and it is refused.
        var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(dir)/payment.proof"))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: "\(dir)/payment.proof"))
        #expect(try StagedProgram.command(proof).run().status == 69)
    }

    @Test func wrongUsageIsRefusedWithWords() throws {
        let cases: [([String], String)] = [
            (["--sites", "2"], "--sites"),
            (["--rounds", "0"], "--rounds"),
            (["--attack", "11=noise"], "no site"),
            (["--attack", "1=laziness"], "noise"),
            (["--attack", "1"], "SITE=KIND"),
            (["--attack", "1=noise", "--attack", "1=flip"], "twice"),
        ]
        let folder = try StagedProgram.openFolder()
        for (arguments, word) in cases {
            let result = try StagedProgram.command(["demo", "--dir", folder.path("demo")] + arguments).run()
            #expect(result.status == 2, "\(arguments)")
            #expect(result.errors.contains(word), "\(arguments): \(result.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("demo")))
    }

    @Test func foldersOfOthersAreNotTouched() throws {
        let folder = try StagedProgram.openFolder()
        try folder.write("notes.txt", "mine")
        for arguments in [["demo", "--dir", folder.root], ["demo", "--resume", "--dir", folder.root]] {
            let result = try StagedProgram.command(arguments).run()
            #expect(result.status == 2)
        }
        #expect(folder.text("notes.txt") == "mine")
    }
}
