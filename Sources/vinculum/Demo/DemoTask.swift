import Training

/// What is trained in the demo: constants that were measured to give useful models at an honest epsilon.
struct DemoTask: Codable, Hashable, Sendable {
    /// The data set's name for people.
    var dataName: String
    /// True where the small digits set stands in for Fashion-MNIST.
    var isFallback: Bool
    var widths: String
    var inputFactor: Double
    var inputOffset: Double
    /// Records are rounded up to a multiple of this for the public size band.
    var bandStep: Int
    var holdoutRecords: Int

    static let clip = 4.0
    static let gridBits = 14
    static let serverLearningRate = 1.2
    static let serverMomentum = 0.8
    static let epsilon = 3.0
    static let delta = 1e-5
    static let concentration = 0.3
    static let purpose = "demo/images"

    static let fashion = DemoTask(
        dataName: "Fashion-MNIST", isFallback: false, widths: "784-64-10",
        inputFactor: rounded(1 / (255 * 0.353)), inputOffset: rounded(-0.286 / 0.353), bandStep: 1_000,
        holdoutRecords: 2_000)
    static let digits = DemoTask(
        dataName: "handwritten digits", isFallback: true, widths: "64-32-10", inputFactor: 0.125, inputOffset: -0.5,
        bandStep: 50, holdoutRecords: 200)

    /// To the nearest 1e-9, as jobs hold it.
    private static func rounded(_ value: Double) -> Double { (value * 1e9).rounded() / 1e9 }

    var descriptor: String { "mlp/\(widths)" }
    var scaling: InputScaling { InputScaling(factor: Float(inputFactor), offset: Float(inputOffset)) }

    func architecture() throws(TrainingError) -> DenseArchitecture { try DenseArchitecture(widths) }

    /// The model that every training of the demo starts from.
    func initialModel(seed: UInt64) throws(TrainingError) -> DenseModel {
        DenseModel(architecture: try architecture(), seed: Self.modelSeed(seed))
    }

    /// Jobs hold seeds as signed integers.
    static func modelSeed(_ seed: UInt64) -> UInt64 { seed & 0x7fff_ffff_ffff_ffff }
}
