import Foundation
import TestSupport
import Testing

/// The installed program that journeys of a user run, from `VINCULUM_PREFIX`.
enum StagedProgram {
    static let prefix = ProcessInfo.processInfo.environment["VINCULUM_PREFIX"]
    static let missing: Comment =
        "VINCULUM_PREFIX is not set: `./Packaging/dev test` stages an installation and sets it"

    static var isThere: Bool { prefix != nil }

    /// A folder that tasks of another user may pass through, as those of a demo started by root are.
    static func openFolder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        chmod(folder.root, 0o711)
        return folder
    }

    static func command(_ arguments: [String], environment: [String: String?] = [:]) -> Command {
        Command(
            "\(prefix ?? "")/bin/vinculum", arguments, environment: environment.merging(["NO_COLOR": "1"]) { $1 })
    }
}

/// The parts of `vinculum demo --json` that tests read. Everything else may grow.
struct DemoDocument: Decodable {
    struct Site: Decodable {
        var name: String
        var records: Int
        var epsilonSpent: Double
        var epsilonTotal: Double
        var roundsCommitted: Int
        var roundsAccepted: Int
        var roundsRefused: Int
        var roundsFlagged: Int
        var updateBytesSent: Int
        var paidForUpdates: String
        var forfeited: String
        var truth: String
        var verdict: String
        var slashed: Bool
    }

    struct Check: Decodable {
        var name: String
        var holds: Bool
        var detail: String
    }

    struct Refusal: Decodable {
        var site: String
        var firstRound: Int
        var lastRound: Int
        var code: String
    }

    struct Proof: Decodable {
        var file: String
        var verifiedOffline: Bool
    }

    struct Accuracy: Decodable {
        struct Alone: Decodable {
            var site: String
            var byRound: [Double]
        }

        var federation: [Double]
        var federationWithoutNoise: [Double]
        var central: [Double]
        var alone: [Alone]
    }

    struct Detection: Decodable {
        var misbehaving: Int
        var found: Int
        var missed: [String]
        var falseAlarms: [String]
        var honestSlashed: [String]
        var updatesJudged: Int
        var honestUpdatesRejected: Int
        var dishonestUpdatesAccepted: Int
    }

    var schema: String
    var isFallbackDataSet: Bool
    var sites: [Site]
    var rounds: Int
    var roundsDone: Int
    var end: String
    var seed: UInt64
    var accuracy: Accuracy
    var detection: Detection
    var refusals: [Refusal]
    var proof: Proof?
    var checks: [Check]
    var model: String
    var processRestarts: Int

    static func read(_ text: String) throws -> DemoDocument {
        try JSONDecoder().decode(DemoDocument.self, from: Data(text.utf8))
    }

    /// What does not hold, for a test's message.
    var broken: [String] {
        checks.filter { !$0.holds }.map { "\($0.name): \($0.detail)" } + (end == "completed" ? [] : ["end: \(end)"])
    }
}
