import Federation
import Primitives
import Privacy
import Testing
import Training

@testable import Node

@Suite("Terms that cannot be worked with are refused by field")
struct TrainingTermsTests {
    private func field(_ change: (inout JobTerms) -> Void) throws -> String? {
        var terms = try Samples.terms(members: Samples.members)
        change(&terms)
        do {
            _ = try TrainingTerms(terms)
            return nil
        } catch let error as UnusableTerms {
            return error.field
        }
    }

    private func set(_ parameters: inout [Parameter], _ name: String, _ value: Int64) {
        for index in parameters.indices where parameters[index].name == name { parameters[index].value = value }
    }

    @Test("what was written is read again, number by number")
    func roundTrip() throws {
        let terms = try Samples.training(momentum: 900_000)
        #expect(try TrainingTerms(Samples.terms(members: Samples.members, momentum: 900_000)) == terms)
        #expect(terms.clip == 1)
        #expect(terms.step == GlobalStep(learningRate: 0.5, momentum: 0.9))
        #expect(terms.modelDescriptor == "mlp/4-3-2")
    }

    @Test("absurd and overflowing numbers, each by its name")
    func numbers() throws {
        let training = ["clip_millionths", "scale_bits", "input_factor_billionths"]
        for name in training {
            for value in [Int64.min, -1, 1_000_000_000_001, .max] {
                #expect(try field { set(&$0.trainerParameters, name, value) } == name, "\(value)")
            }
        }
        #expect(try field { set(&$0.trainerParameters, "scale_bits", 31) } == "scale_bits")
        #expect(try field { set(&$0.trainerParameters, "clip_millionths", 0) } == "clip_millionths")
        for value in [Int64.min, -1_000_000_000_001, 1_000_000_000_001, .max] {
            #expect(
                try field { set(&$0.trainerParameters, "input_offset_billionths", value) } == "input_offset_billionths")
        }
        for value in [Int64.min, -1, 0, 1_000_000_001, .max] {
            let name = "learning_rate_millionths"
            #expect(try field { set(&$0.aggregation.parameters, name, value) } == name)
        }
        for value in [Int64.min, -1, 1_000_000, .max] {
            #expect(
                try field { set(&$0.aggregation.parameters, "momentum_millionths", value) } == "momentum_millionths")
        }
        for value in [Int64.min, -1, 1 << 40 + 1, .max] {
            #expect(try field { set(&$0.mechanism.parameters, "noise_units", value) } == "noise_units")
        }
    }

    @Test("a missing number, and one that is given twice")
    func missingAndTwice() throws {
        for name in ["clip_millionths", "scale_bits", "input_factor_billionths", "input_offset_billionths"] {
            #expect(try field { $0.trainerParameters.removeAll { $0.name == name } } == name)
            #expect(try field { $0.trainerParameters.append(Parameter(name, 1)) } == name)
        }
        for name in ["sensitivity_units", "noise_units"] {
            #expect(try field { $0.mechanism.parameters.removeAll { $0.name == name } } == name)
            #expect(try field { $0.mechanism.parameters.append(Parameter(name, 1)) } == name)
        }
        for name in ["learning_rate_millionths", "momentum_millionths"] {
            #expect(try field { $0.aggregation.parameters.removeAll { $0.name == name } } == name)
        }
    }

    @Test("a model that is none, or larger than anything")
    func models() throws {
        let descriptors = [
            "", "mlp/", "cnn/4-3-2", "mlp/4", "mlp/4-", "mlp/4-0-2", "mlp/4-3-1", "mlp/-4-3-2", "mlp/4-3-257",
            "mlp/1048576-1048576-2", "mlp/9223372036854775807-9223372036854775807-2", "mlp/4-3-2 ", "mlp/４-3-2",
        ]
        for descriptor in descriptors {
            #expect(try field { $0.modelDescriptor = descriptor } == "model_descriptor", "\(descriptor)")
        }
    }

    @Test("another aggregation")
    func aggregation() throws {
        #expect(try field { $0.aggregation.rule = "median" } == "aggregation")
    }

    @Test("a guarantee that clipping each record does not give")
    func guarantee() throws {
        #expect(try field { $0.guarantee.unit = .person } == "guarantee.unit")
        #expect(try field { $0.guarantee.unit = .site } == "guarantee.unit")
        #expect(try field { $0.guarantee.relation = .replace } == "guarantee.relation")
    }

    @Test("a sensitivity below what one record can change would get less noise than was promised")
    func sensitivity() throws {
        let least = try Samples.training().sensitivityUnits
        let name = "sensitivity_units"
        #expect(try field { set(&$0.mechanism.parameters, name, Int64(least)) } == nil)
        #expect(try field { set(&$0.mechanism.parameters, name, Int64(least) + 5) } == nil)
        for value in [Int64(least) - 1, 1, 0, -1, .max] {
            #expect(try field { set(&$0.mechanism.parameters, name, value) } == name, "\(value)")
        }
        // A larger clip with the sensitivity of the smaller one.
        #expect(try field { set(&$0.trainerParameters, "clip_millionths", 1_001_000) } == name)
        #expect(try field { set(&$0.trainerParameters, "scale_bits", 15) } == name)
    }
}
