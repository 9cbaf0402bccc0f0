import CKernels

/// Federated averaging (McMahan et al. 2017): the mean of models or updates, weighted by public weights.
public enum WeightedMean {
    /// The mean of models, in the order given. Errors: `emptyClient` for no models or a weight that is not above 0,
    /// `wrongShape`.
    public static func of(_ models: [(model: DenseModel, weight: Double)]) throws(TrainingError) -> DenseModel {
        guard let first = models.first else { throw TrainingError(.emptyClient, "no models", at: "mean") }
        let mean = try of(models.map { ($0.model.parameters, $0.weight) })
        for (index, entry) in models.enumerated() where entry.model.architecture != first.model.architecture {
            throw TrainingError(.wrongShape, "\(entry.model.architecture) among others", at: "mean: model \(index)")
        }
        return try DenseModel(architecture: first.model.architecture, parameters: mean)
    }

    /// The mean of vectors; errors as above and `notFinite`, each naming the vector.
    public static func of(_ vectors: [([Float], weight: Double)]) throws(TrainingError) -> [Float] {
        guard let length = vectors.first?.0.count else { throw TrainingError(.emptyClient, "no vectors", at: "mean") }
        var total = 0.0
        for (index, entry) in vectors.enumerated() {
            let place = "mean: entry \(index)"
            guard entry.weight.isFinite, entry.weight > 0 else {
                throw TrainingError(.emptyClient, "weight \(entry.weight)", at: place)
            }
            guard entry.0.count == length else {
                throw TrainingError(.wrongShape, "\(entry.0.count) numbers, others have \(length)", at: place)
            }
            guard VectorMath.notFiniteCount(entry.0) == 0 else {
                throw TrainingError(.notFinite, "a number is NaN or infinite", at: place)
            }
            total += entry.weight
        }
        var mean = [Float](repeating: 0, count: length)
        for (values, weight) in vectors { vin_axpy(length, Float(weight / total), values, &mean) }
        return mean
    }

    /// The mean of files with equal names and shapes (float32 tensors), as any framework writes them.
    public static func of(_ files: [(file: Safetensors, weight: Double)]) throws(TrainingError) -> Safetensors {
        guard let first = files.first?.file else { throw TrainingError(.emptyClient, "no files", at: "mean") }
        var result = Safetensors(metadata: first.metadata)
        for name in first.tensors.keys.sorted() {
            var vectors: [([Float], weight: Double)] = []
            let shape = first.tensors[name]?.shape
            for (index, entry) in files.enumerated() {
                guard entry.file.tensors.count == first.tensors.count else {
                    throw TrainingError(.wrongShape, "other tensors than in the first file", at: "mean: file \(index)")
                }
                let tensor = try entry.file.tensor(name, .float32, shape: shape)
                vectors.append((tensor.float32 ?? [], weight: entry.weight))
            }
            result.tensors[name] = try Tensor(shape: shape ?? [], .float32(of(vectors)))
        }
        return result
    }
}
