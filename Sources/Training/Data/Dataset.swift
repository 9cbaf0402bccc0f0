import CKernels

/// How bytes become the numbers that a model sees: `byte * factor + offset`. Public constants of the task, never
/// measured on private data.
public struct InputScaling: Hashable, Sendable {
    public var factor: Float
    public var offset: Float

    public init(factor: Float, offset: Float) {
        self.factor = factor
        self.offset = offset
    }

    /// Bytes to 0...1.
    public static let unit = InputScaling(factor: 1 / 255, offset: 0)
    /// Bytes to about mean 0 and deviation 1 on Fashion-MNIST: its published mean .286 and deviation .353.
    public static let fashion = InputScaling(factor: 1 / (255 * 0.353), offset: -0.286 / 0.353)
}

/// Labelled records: rows of `width` float32 inputs and one class each. Inputs are finite and labels are in range, by
/// construction.
public struct Dataset: Hashable, Sendable {
    public let width: Int
    public let classCount: Int
    public let inputs: [Float]
    public let labels: [UInt8]

    public var count: Int { labels.count }

    /// Errors: `wrongShape`, `notFinite`, `labelOutOfRange`, `badParameter`.
    public init(width: Int, classCount: Int, inputs: [Float], labels: [UInt8]) throws(TrainingError) {
        guard width > 0, (2...256).contains(classCount) else {
            throw TrainingError(.badParameter, "\(width) inputs and \(classCount) classes", at: "data set")
        }
        guard inputs.count == labels.count * width else {
            throw TrainingError(
                .wrongShape, "\(inputs.count) numbers for \(labels.count) records of \(width)", at: "data set")
        }
        let bad = inputs.withUnsafeBufferPointer { vin_count_not_finite($0.count, $0.baseAddress) }
        guard bad == 0 else { throw TrainingError(.notFinite, "\(bad) inputs are not numbers", at: "data set") }
        guard labels.allSatisfy({ Int($0) < classCount }) else {
            throw TrainingError(.labelOutOfRange, "a label is not below \(classCount)", at: "data set")
        }
        self.width = width
        self.classCount = classCount
        self.inputs = inputs
        self.labels = labels
    }

    /// From bytes, as images come.
    public init(
        width: Int, classCount: Int, bytes: [UInt8], labels: [UInt8], scaling: InputScaling
    ) throws(TrainingError) {
        let inputs = [Float](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            vin_bytes_to_float(bytes.count, bytes, scaling.factor, scaling.offset, buffer.baseAddress)
            count = bytes.count
        }
        try self.init(width: width, classCount: classCount, inputs: inputs, labels: labels)
    }

    /// The records at those places, in that order; places outside are refused.
    public func subset(_ places: [Int]) throws(TrainingError) -> Dataset {
        guard places.allSatisfy({ labels.indices.contains($0) }) else {
            throw TrainingError(.badParameter, "a record that does not exist", at: "data set")
        }
        var chosen: [Float] = []
        chosen.reserveCapacity(places.count * width)
        for place in places { chosen.append(contentsOf: inputs[place * width..<(place + 1) * width]) }
        return try Dataset(
            width: width, classCount: classCount, inputs: chosen, labels: places.map { labels[$0] })
    }

    /// A file with `inputs` (U8 or F32, records x width, or more dimensions) and `labels` (U8). U8 inputs are scaled;
    /// F32 inputs are taken as they are.
    public init(file: Safetensors, classCount: Int, scaling: InputScaling) throws(TrainingError) {
        let labels = try file.tensor("labels", .uint8)
        guard let inputs = file.tensors["inputs"] else {
            throw TrainingError(.missing, "no such tensor", at: "inputs")
        }
        guard let count = inputs.shape.first, count > 0, labels.shape == [count] else {
            throw TrainingError(.wrongShape, "inputs \(inputs.shape), labels \(labels.shape)", at: "data set")
        }
        let width = inputs.elementCount / count
        switch inputs.storage {
        case .uint8(let bytes):
            try self.init(
                width: width, classCount: classCount, bytes: bytes, labels: labels.uint8 ?? [], scaling: scaling)
        case .float32(let values):
            try self.init(width: width, classCount: classCount, inputs: values, labels: labels.uint8 ?? [])
        default: throw TrainingError(.unsupportedType, "holds neither U8 nor F32", at: "inputs")
        }
    }
}

/// Images and labels as bytes, before scaling: what is stored in a site's folder.
public struct ByteDataset: Hashable, Sendable {
    public let width: Int
    public let images: [UInt8]
    public let labels: [UInt8]

    public var count: Int { labels.count }

    public init(width: Int, images: [UInt8], labels: [UInt8]) throws(TrainingError) {
        guard width > 0, images.count == labels.count * width else {
            throw TrainingError(
                .wrongShape, "\(images.count) bytes for \(labels.count) records of \(width)", at: "data set")
        }
        self.width = width
        self.images = images
        self.labels = labels
    }

    public func subset(_ places: [Int]) throws(TrainingError) -> ByteDataset {
        guard places.allSatisfy({ labels.indices.contains($0) }) else {
            throw TrainingError(.badParameter, "a record that does not exist", at: "data set")
        }
        var chosen: [UInt8] = []
        chosen.reserveCapacity(places.count * width)
        for place in places { chosen.append(contentsOf: images[place * width..<(place + 1) * width]) }
        return try ByteDataset(width: width, images: chosen, labels: places.map { labels[$0] })
    }

    public func scaled(_ scaling: InputScaling, classCount: Int = 10) throws(TrainingError) -> Dataset {
        try Dataset(width: width, classCount: classCount, bytes: images, labels: labels, scaling: scaling)
    }

    /// A file that `Dataset.init(file:classCount:scaling:)` reads.
    public func safetensors(metadata: [String: String] = [:]) throws(TrainingError) -> Safetensors {
        Safetensors(
            tensors: [
                "inputs": try Tensor(shape: [count, width], .uint8(images)),
                "labels": try Tensor(shape: [count], .uint8(labels)),
            ], metadata: metadata)
    }

    public init(file: Safetensors) throws(TrainingError) {
        let inputs = try file.tensor("inputs", .uint8)
        let labels = try file.tensor("labels", .uint8)
        guard let count = inputs.shape.first, count > 0, labels.shape == [count] else {
            throw TrainingError(.wrongShape, "inputs \(inputs.shape), labels \(labels.shape)", at: "data set")
        }
        try self.init(width: inputs.elementCount / count, images: inputs.uint8 ?? [], labels: labels.uint8 ?? [])
    }
}
