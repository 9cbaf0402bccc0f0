import Federation
import Ledger
import LedgerSupport
import PluginHost
import Primitives
import Privacy
import Testing
import Training

@testable import Node

@Suite("A job file becomes terms that sites can accept")
struct JobPreparationTests {
    private func preparation(_ flags: [String: String] = [:]) throws -> JobPreparation {
        let file = try JobFile(
            text: JobFile.schema.documentedFile(), file: "job.toml",
            flags: ["model.descriptor": "mlp/4-3-2", "privacy.unit": "record"].merging(flags) { $1 })
        return JobPreparation(
            file: file,
            parts: .init(
                mechanism: Samples.plugin, shown: .singleUpdates, verifiers: [Samples.verifier],
                privacy: try PluginLane(owning: BuiltPlugins.registry().privacy("privacy-dp"))),
            aggregator: LedgerHarness.account(2), trainer: Samples.trainer)
    }

    private func terms(_ flags: [String: String] = [:]) async throws -> JobTerms {
        try await preparation(flags).terms(model: .of(raw: [1]), holdout: .of(raw: [2]))
    }

    @Test("the terms hold what the file says, and read back")
    func readsBack() async throws {
        let terms = try await terms([
            "privacy.clip": "2.5", "aggregation.server_learning_rate": "0.25", "aggregation.server_momentum": "0.5",
            "job.rounds": "7",
        ])
        let training = try TrainingTerms(terms)
        #expect(training.clipMillionths == 2_500_000)
        #expect(training.step == GlobalStep(learningRate: 0.25, momentum: 0.5))
        #expect(terms.rounds == 7)
        #expect(terms.aggregator == LedgerHarness.account(2))
        #expect(training.noiseUnits > training.sensitivityUnits / 10)
    }

    @Test(
        "all rounds together cost no more epsilon than the job says, and not much less",
        arguments: [("0.5", "1"), ("1", "30"), ("3", "10"), ("3", "30"), ("8", "3")])
    func costFitsEpsilon(epsilon: String, rounds: String) async throws {
        let terms = try await terms(["privacy.epsilon": epsilon, "job.rounds": rounds])
        let whole = try #require(terms.costPerRound.multiplied(by: terms.rounds))
        let found = RenyiConversion.epsilon(of: whole, deltaTrillionths: terms.guarantee.deltaTrillionths)
        let wanted = try #require(Double(epsilon))
        #expect(found <= wanted * (1 + 1e-9))
        #expect(found > wanted * 0.99)
        // And a site whose policy allows just that takes part in every round.
        var rules = Samples.rules()
        rules.requesters = []
        rules.purposes = [terms.purpose]
        rules.trainers = [terms.trainer]
        rules.minimumMembers = 1
        rules.minimumBasePay = .zero
        rules.weakest = terms.guarantee
        rules.limits = RenyiConversion.limits(
            epsilon: wanted * 1.001, deltaTrillionths: terms.guarantee.deltaTrillionths)
        let dataset = DatasetRecord(
            owner: LedgerHarness.account(11), registration: Samples.registration(limits: rules.limits), spent: .zero)
        let decision = rules.judge(
            terms, requester: Samples.requester, dataset: dataset, cost: terms.costPerRound, spent: .zero)
        #expect(decision == .accept(rounds: terms.rounds))
    }

    @Test("a clip that the terms cannot hold exactly is the one that sensitivity is computed from")
    func roundedClip() async throws {
        for clip in ["1.0000005", "1.0000004", "0.9999995", "3.1415926535"] {
            let training = try TrainingTerms(try await terms(["privacy.clip": clip]))
            let gradient = try PrivateGradient(
                clip: Double(training.clipMillionths) / 1e6, scaleBits: training.scaleBits)
            let count = training.architecture.parameterCount
            #expect(training.sensitivityUnits == gradient.sensitivityUnits(parameterCount: count), "\(clip)")
        }
    }

    @Test(
        "what sites would refuse is refused before anything is paid, by field",
        arguments: [("privacy.unit", "site"), ("privacy.relation", "replace"), ("model.descriptor", "cnn/4")])
    func refusedEarly(key: String, value: String) async throws {
        do {
            _ = try await terms([key: value])
            Issue.record("\(key) = \(value) was taken")
        } catch let error as ConfigurationError {
            #expect(error.problems.map(\.key) == [key])
        } catch let error as UnusableTerms {
            #expect([key, key.replacing("privacy.", with: "guarantee.")].contains(error.field))
        }
    }

    @Test("a seed gives the same first model, another seed another one")
    func initialModel() throws {
        let first = try preparation(["model.seed": "1"]).initialModel()
        #expect(try preparation(["model.seed": "1"]).initialModel() == first)
        #expect(try preparation(["model.seed": "2"]).initialModel() != first)
        #expect(try DenseModel(file: Safetensors.decode(first)).architecture.description == "4-3-2")
    }
}
