import Federation
import Primitives
import Privacy
import Training

/// A field of a job's terms that this version cannot work with.
public struct UnusableTerms: Error, Hashable, Sendable, CustomStringConvertible {
    public let field: String
    public let reason: String

    public var description: String { "\(field): \(reason)" }
}

/// The numbers of a job that trainer, privacy plugin, aggregator and auditors share, read from its terms.
///
/// Everything is an integer on the ledger; a value in millionths becomes the same float on every machine.
public struct TrainingTerms: Hashable, Sendable {
    public let architecture: DenseArchitecture
    public let clipMillionths: Int64
    public let scaleBits: Int
    public let inputFactorBillionths: Int64
    public let inputOffsetBillionths: Int64
    public let learningRateMillionths: Int64
    public let momentumMillionths: Int64
    /// What one record can change in a sum, in grid steps; the trainer's bound.
    public let sensitivityUnits: UInt64
    /// The standard deviation of the noise of one release, in grid steps; zero for a federation without noise.
    public let noiseUnits: UInt64

    static let descriptorPrefix = "mlp/"
    static let clipName = "clip_millionths"
    static let scaleBitsName = "scale_bits"
    static let inputFactorName = "input_factor_billionths"
    static let inputOffsetName = "input_offset_billionths"
    static let learningRateName = "learning_rate_millionths"
    static let momentumName = "momentum_millionths"
    static let sensitivityName = "sensitivity_units"
    static let noiseName = "noise_units"

    public init(
        architecture: DenseArchitecture, clipMillionths: Int64, scaleBits: Int, inputFactorBillionths: Int64,
        inputOffsetBillionths: Int64, learningRateMillionths: Int64, momentumMillionths: Int64,
        sensitivityUnits: UInt64,
        noiseUnits: UInt64
    ) {
        self.architecture = architecture
        self.clipMillionths = clipMillionths
        self.scaleBits = scaleBits
        self.inputFactorBillionths = inputFactorBillionths
        self.inputOffsetBillionths = inputOffsetBillionths
        self.learningRateMillionths = learningRateMillionths
        self.momentumMillionths = momentumMillionths
        self.sensitivityUnits = sensitivityUnits
        self.noiseUnits = noiseUnits
    }

    public init(_ terms: JobTerms) throws {
        guard terms.modelDescriptor.hasPrefix(Self.descriptorPrefix) else {
            throw UnusableTerms(field: "model_descriptor", reason: "\(terms.modelDescriptor) is no mlp/WIDTHS")
        }
        // Each record's gradient is clipped: that bounds what one record changes when it is added or removed, and says
        // nothing of a person's records or of a whole site.
        guard terms.guarantee.unit == .record else {
            throw UnusableTerms(
                field: "guarantee.unit", reason: "\(terms.guarantee.unit); training here protects records")
        }
        guard terms.guarantee.relation == .addOrRemove else {
            throw UnusableTerms(
                field: "guarantee.relation", reason: "\(terms.guarantee.relation); noise here is for add or remove")
        }
        guard terms.aggregation.rule == "mean" else {
            throw UnusableTerms(field: "aggregation", reason: "the rule \(terms.aggregation.rule) is not known here")
        }
        func value(_ parameters: [Parameter], _ name: String, in range: ClosedRange<Int64>) throws -> Int64 {
            let given = parameters.filter { $0.name == name }
            guard let value = given.first?.value else { throw UnusableTerms(field: name, reason: "is not given") }
            guard given.count == 1 else { throw UnusableTerms(field: name, reason: "is given \(given.count) times") }
            guard range.contains(value) else {
                throw UnusableTerms(
                    field: name, reason: "\(value) is not from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        do throws(TrainingError) {
            architecture = try DenseArchitecture(
                String(terms.modelDescriptor.dropFirst(Self.descriptorPrefix.count)))
        } catch {
            throw UnusableTerms(field: "model_descriptor", reason: "\(error)")
        }
        let training = terms.trainerParameters
        clipMillionths = try value(training, Self.clipName, in: 1...1_000_000_000_000)
        scaleBits = Int(try value(training, Self.scaleBitsName, in: 0...30))
        inputFactorBillionths = try value(training, Self.inputFactorName, in: 1...1_000_000_000_000)
        inputOffsetBillionths = try value(
            training, Self.inputOffsetName, in: -1_000_000_000_000...1_000_000_000_000)
        let rule = terms.aggregation.parameters
        learningRateMillionths = try value(rule, Self.learningRateName, in: 1...1_000_000_000)
        momentumMillionths = try value(rule, Self.momentumName, in: 0...999_999)
        let mechanism = terms.mechanism.parameters
        sensitivityUnits = UInt64(try value(mechanism, Self.sensitivityName, in: 1...1 << 40))
        noiseUnits = UInt64(try value(mechanism, Self.noiseName, in: 0...1 << 40))
        // The noise is measured by what one record can change. A requester who states less would get less noise.
        let least: UInt64
        do throws(TrainingError) {
            least = UInt64(try gradient().sensitivityUnits(parameterCount: architecture.parameterCount))
        } catch {
            throw UnusableTerms(field: Self.clipName, reason: error.reason)
        }
        guard sensitivityUnits >= least else {
            throw UnusableTerms(
                field: Self.sensitivityName, reason: "\(sensitivityUnits); one record can change a sum by \(least)")
        }
    }

    public var trainerParameters: [Parameter] {
        [
            Parameter(Self.clipName, clipMillionths), Parameter(Self.scaleBitsName, Int64(scaleBits)),
            Parameter(Self.inputFactorName, inputFactorBillionths),
            Parameter(Self.inputOffsetName, inputOffsetBillionths),
        ]
    }

    public var aggregationParameters: [Parameter] {
        [
            Parameter(Self.learningRateName, learningRateMillionths),
            Parameter(Self.momentumName, momentumMillionths),
        ]
    }

    public var mechanismParameters: [Parameter] {
        [
            Parameter(Self.sensitivityName, Int64(clamping: sensitivityUnits)),
            Parameter(Self.noiseName, Int64(clamping: noiseUnits)),
        ]
    }

    public var modelDescriptor: String { Self.descriptorPrefix + architecture.description }

    public var clip: Double { Double(clipMillionths) / 1e6 }

    public var scaling: InputScaling {
        InputScaling(
            factor: Float(Double(inputFactorBillionths) / 1e9), offset: Float(Double(inputOffsetBillionths) / 1e9))
    }

    public var step: GlobalStep {
        GlobalStep(
            learningRate: Float(Double(learningRateMillionths) / 1e6),
            momentum: Float(Double(momentumMillionths) / 1e6))
    }

    public func gradient() throws(TrainingError) -> PrivateGradient {
        try PrivateGradient(clip: clip, scaleBits: scaleBits)
    }
}
