/// What a demo run found, as one document: `vinculum demo --json` prints it, the table shows it.
///
/// Amounts are decimal texts of tokens, exact to the unit. Fields are only ever added under one schema name.
struct DemoReport: Codable, Sendable {
    static let schemaName = "vinculum/demo/1"

    struct Guarantee: Codable, Sendable {
        var unit: String
        var relation: String
        var adversary: String
        var delta: Double
        /// The most that one site may spend in this job.
        var epsilonLimit: Double
        var mechanism: String
        /// The noise's standard deviation over the sensitivity.
        var noiseMultiplier: Double
        var clip: Double
    }

    struct Accuracy: Codable, Sendable {
        /// Test accuracy of the global model after each round.
        var federation: [Double]
        var federationWithoutNoise: [Double]
        var central: [Double]
        /// The same steps on one site's data alone.
        var alone: [Alone]

        struct Alone: Codable, Sendable {
            var site: String
            var byRound: [Double]
        }
    }

    struct Site: Codable, Sendable {
        var name: String
        var account: String
        var records: Int
        /// The public number by which it is weighted.
        var sizeBand: Int
        /// Epsilon at the guarantee's delta, from the costs on the ledger.
        var epsilonSpent: Double
        /// What the site's policy gives in all.
        var epsilonTotal: Double
        var roundsCommitted: Int
        var roundsAccepted: Int
        var roundsFlagged: Int
        var roundsRefused: Int
        /// Bytes that the site published: protected updates, transactions, and evidence of its audits. Questions to the
        /// node are not in it.
        var updateBytesSent: Int
        var transactionBytesSent: Int
        var evidenceBytesSent: Int
        /// What the process really did: honest, noise, replay, flip.
        var truth: String
        /// What the ledger says of it: `replay` where it was slashed for one; else what most of its judged updates were
        /// found to be: honest, noise, low score, malformed.
        var verdict: String
        var paidForUpdates: String
        var paidForAudits: String
        var forfeited: String
        var slashed: Bool
    }

    struct Refusal: Codable, Sendable {
        var site: String
        /// 0: the whole job.
        var firstRound: Int
        var lastRound: Int
        var code: String
        var meaning: String
    }

    struct Payments: Codable, Sendable {
        var escrow: String
        var members: String
        var auditors: String
        var aggregator: String
        var fees: String
        var refunded: String
    }

    struct Detection: Codable, Sendable {
        var misbehaving: Int
        var found: Int
        var missed: [String]
        var falseAlarms: [String]
        var honestSlashed: [String]
        var updatesJudged: Int
        /// Single updates of honest sites that were rejected.
        var honestUpdatesRejected: Int
        /// Single updates of misbehaving sites that were accepted.
        var dishonestUpdatesAccepted: Int
    }

    struct Proof: Codable, Sendable {
        var payee: String
        var account: String
        var amount: String
        var round: Int
        var file: String
        var height: UInt64
        var slot: UInt64
        var verifiedOffline: Bool
    }

    /// The final model's evaluation on the public records, bought on the market.
    struct Evaluation: Codable, Sendable {
        struct Replica: Codable, Sendable {
            var provider: String
            var outcome: String
            var price: String
        }

        var task: String
        var status: String
        var replicas: [Replica]
        var auditors: [String]
        /// Whether the beacon had the results computed again.
        var audited: Bool
        /// What the providers agreed on.
        var correct: Int
        var count: Int
        /// What the demo computed itself.
        var correctHere: Int
        var paid: String
        var refunded: String
    }

    /// Something that has to hold in every run.
    struct Check: Codable, Sendable {
        var name: String
        var holds: Bool
        var detail: String
    }

    var schema = DemoReport.schemaName
    var dataSet: String
    var isFallbackDataSet: Bool
    var folder: String
    var seed: UInt64
    var rounds: Int
    var roundsDone: Int
    /// How the job ended; `completed` in a full run.
    var end: String
    var testRecords: Int
    var guarantee: Guarantee
    var accuracy: Accuracy
    var sites: [Site]
    var detection: Detection
    var refusals: [Refusal]
    var payments: Payments
    var model: String
    var modelMerkleRoot: String
    var chain: String
    var blocks: UInt64
    var transactions: UInt64
    var failedTransactions: Int
    var supply: String
    var burned: String
    var proof: Proof?
    var evaluation: Evaluation?
    var checks: [Check]
    var processRestarts: Int
    var seconds: Double

    /// Whether every check holds, the job came to its end, and nobody honest has lost anything.
    var isGood: Bool { checks.allSatisfy(\.holds) && end == "completed" && detection.honestSlashed.isEmpty }
}
