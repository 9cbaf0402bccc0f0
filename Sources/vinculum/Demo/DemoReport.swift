/// What a demo run found, as one document: `vinculum demo --json` prints it, the table shows it.
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
        var noiseMultiplier: Double
    }

    struct Accuracy: Codable, Sendable {
        /// Test accuracy of the global model after each round.
        var federation: [Double]
        var federationWithoutNoise: [Double]
        var central: [Double]
        /// The same steps on one site's data alone: site and final accuracy.
        var alone: [Alone]

        struct Alone: Codable, Sendable {
            var site: String
            var final: Double
        }
    }

    struct Site: Codable, Sendable {
        var name: String
        var account: String
        var records: Int
        /// Epsilon at the guarantee's delta, from the costs on the ledger.
        var epsilonSpent: Double
        /// Bytes of protected updates and of everything else that the site sent.
        var updateBytesSent: Int
        var otherBytesSent: Int
        /// What the process really did: honest, noise, replay, flip.
        var truth: String
        /// What the ledger concluded: honest, or the fault that was recorded.
        var verdict: String
        var roundsAccepted: Int
        var roundsFlagged: Int
        var paid: String
        var forfeited: String
        var slashed: Bool
    }

    struct Refusal: Codable, Sendable {
        var site: String
        var round: Int
        var code: String
        var meaning: String
    }

    struct Payment: Codable, Sendable {
        var account: String
        var role: String
        var amount: String
    }

    struct Detection: Codable, Sendable {
        var misbehaving: Int
        var found: Int
        var missed: [String]
        var falseAlarms: [String]
        var honestSlashed: Int
    }

    struct Proof: Codable, Sendable {
        var payee: String
        var statement: String
        var file: String
        var height: UInt64
        var verifiedOffline: Bool
    }

    var schema = DemoReport.schemaName
    var dataSet: String
    var seed: UInt64
    var sites: [Site]
    var rounds: Int
    var guarantee: Guarantee
    var accuracy: Accuracy
    var detection: Detection
    var refusals: [Refusal]
    var payments: [Payment]
    var modelCID: String
    var modelMerkleRoot: String
    var blocks: UInt64
    var transactions: UInt64
    var supplyConserved: Bool
    var proof: Proof
    var seconds: Double
}
