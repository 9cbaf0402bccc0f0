/// A chain of dense layers with ReLU between them and softmax at the end: two widths are multinomial regression, three
/// an MLP with one hidden layer.
///
/// Parameters are one flat vector: layer by layer, weights (inputs x outputs, row-major), then biases.
public struct DenseArchitecture: Hashable, Sendable, CustomStringConvertible {
    public struct Layer: Hashable, Sendable {
        public let inputs: Int
        public let outputs: Int
        /// Where the layer's weights begin in the flat vector; its biases follow them.
        public let weightOffset: Int
        public var biasOffset: Int { weightOffset + inputs * outputs }
        public var end: Int { biasOffset + outputs }
    }

    public let widths: [Int]
    public let layers: [Layer]

    public var inputCount: Int { widths[0] }
    public var classCount: Int { widths[widths.count - 1] }
    public var parameterCount: Int { layers[layers.count - 1].end }
    /// Such as `784-64-10`.
    public var description: String { widths.map(String.init).joined(separator: "-") }

    /// The largest number of parameters: 2^28, a gibibyte of float32.
    public static let parameterLimit = 1 << 28

    /// Two to eight widths, each above 0; at most 256 classes. Errors: `badParameter`, `tooLarge`.
    public init(widths: [Int]) throws(TrainingError) {
        guard (2...8).contains(widths.count), widths.allSatisfy({ $0 > 0 && $0 <= 1 << 20 }),
            (2...256).contains(widths[widths.count - 1])
        else { throw TrainingError(.badParameter, "widths \(widths) make no network", at: "architecture") }
        var layers: [Layer] = []
        var offset = 0
        for (inputs, outputs) in zip(widths, widths.dropFirst()) {
            layers.append(Layer(inputs: inputs, outputs: outputs, weightOffset: offset))
            offset += inputs * outputs + outputs
            guard offset <= Self.parameterLimit else {
                throw TrainingError(.tooLarge, "more than \(Self.parameterLimit) parameters", at: "architecture")
            }
        }
        self.widths = widths
        self.layers = layers
    }

    /// Parses `784-64-10`.
    public init(_ text: String) throws(TrainingError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard !parts.contains(nil) else {
            throw TrainingError(.malformed, "\(text) is not of the form 784-64-10", at: "architecture")
        }
        try self.init(widths: parts.compactMap { $0 })
    }
}
