/// A network and its parameters.
public struct DenseModel: Hashable, Sendable {
    public let architecture: DenseArchitecture
    /// The flat vector that `DenseArchitecture` describes; always of its length.
    public private(set) var parameters: [Float]

    /// Errors: `wrongShape`, `notFinite`.
    public init(architecture: DenseArchitecture, parameters: [Float]) throws(TrainingError) {
        guard parameters.count == architecture.parameterCount else {
            throw TrainingError(
                .wrongShape, "\(parameters.count) parameters for \(architecture)", at: "model")
        }
        guard VectorMath.notFiniteCount(parameters) == 0 else {
            throw TrainingError(.notFinite, "a parameter is not a number", at: "model")
        }
        self.architecture = architecture
        self.parameters = parameters
    }

    /// Drawn weights: He (2015) before a ReLU, Glorot and Bengio (2010) before the softmax, biases 0. The seed is
    /// public: every member starts from the same model.
    public init(architecture: DenseArchitecture, seed: UInt64) {
        var generator = SeededGenerator(seed: seed, stream: 3)
        var parameters = [Float](repeating: 0, count: architecture.parameterCount)
        for (index, layer) in architecture.layers.enumerated() {
            let isLast = index == architecture.layers.count - 1
            let variance = isLast ? 2 / Double(layer.inputs + layer.outputs) : 2 / Double(layer.inputs)
            let deviation = variance.squareRoot()
            for place in layer.weightOffset..<layer.biasOffset {
                parameters[place] = Float(generator.normal() * deviation)
            }
        }
        self.architecture = architecture
        self.parameters = parameters
    }

    /// Lets `body` change the parameters in place; it must leave them finite, which callers of training check.
    mutating func withParameters<Result>(_ body: (UnsafeMutablePointer<Float>) -> Result) -> Result? {
        parameters.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map(body) }
    }

    // MARK: Files

    /// As named tensors `layer0.weight` (inputs x outputs), `layer0.bias`, ... with the architecture in the metadata.
    public func safetensors() throws(TrainingError) -> Safetensors {
        var file = Safetensors(metadata: ["architecture": architecture.description])
        for (index, layer) in architecture.layers.enumerated() {
            file.tensors["layer\(index).weight"] = try Tensor(
                shape: [layer.inputs, layer.outputs],
                .float32(Array(parameters[layer.weightOffset..<layer.biasOffset])))
            file.tensors["layer\(index).bias"] = try Tensor(
                shape: [layer.outputs], .float32(Array(parameters[layer.biasOffset..<layer.end])))
        }
        return file
    }

    /// The architecture is read from the shapes. Errors: `missing`, `wrongShape`, `unsupportedType`, `notFinite`.
    public init(file: Safetensors) throws(TrainingError) {
        var widths: [Int] = []
        var parameters: [Float] = []
        for index in 0..<file.tensors.count / 2 {
            let weight = try file.tensor("layer\(index).weight", .float32)
            guard weight.shape.count == 2, index == 0 || weight.shape[0] == widths[index] else {
                throw TrainingError(
                    .wrongShape, "\(weight.shape) does not follow the layer before", at: "layer\(index).weight")
            }
            let bias = try file.tensor("layer\(index).bias", .float32, shape: [weight.shape[1]])
            if index == 0 { widths.append(weight.shape[0]) }
            widths.append(weight.shape[1])
            parameters += (weight.float32 ?? []) + (bias.float32 ?? [])
        }
        guard file.tensors.count == 2 * (widths.count - 1), file.tensors.count > 0 else {
            throw TrainingError(.missing, "a model is pairs of layerN.weight and layerN.bias", at: "model")
        }
        try self.init(architecture: DenseArchitecture(widths: widths), parameters: parameters)
    }
}
