/// A sum of gradients on the fixed grid, with or without noise, as it lies in `update.safetensors`: one tensor `sum` of
/// the model's length, I32 where every number fits and I64 else, and what is needed to read it.
public struct ReleasedUpdate: Hashable, Sendable {
    public var sum: [Int64]
    public var architecture: DenseArchitecture
    public var scaleBits: Int
    public var clip: Double
    /// The public size band: how many records the sum counts for in the mean. Never the exact number.
    public var recordBand: Int
    /// The standard deviation of the noise in grid units, rounded up; 0 without noise. Public.
    public var noiseUnits: Int64

    /// Errors: `wrongShape`, `badParameter`.
    public init(
        sum: [Int64], architecture: DenseArchitecture, scaleBits: Int, clip: Double, recordBand: Int,
        noiseUnits: Int64 = 0
    ) throws(TrainingError) {
        guard sum.count == architecture.parameterCount else {
            throw TrainingError(.wrongShape, "\(sum.count) numbers for \(architecture)", at: "update")
        }
        guard (0...30).contains(scaleBits), clip.isFinite, clip > 0, recordBand > 0, noiseUnits >= 0 else {
            throw TrainingError(
                .badParameter, "scale bits \(scaleBits), clip \(clip), band \(recordBand), noise \(noiseUnits)",
                at: "update")
        }
        self.sum = sum
        self.architecture = architecture
        self.scaleBits = scaleBits
        self.clip = clip
        self.recordBand = recordBand
        self.noiseUnits = noiseUnits
    }

    public func safetensors() throws(TrainingError) -> Safetensors {
        Safetensors(
            tensors: ["sum": try Tensor(shape: [sum.count], Self.narrowest(sum))],
            metadata: [
                "architecture": architecture.description, "scale_bits": "\(scaleBits)", "clip": "\(clip)",
                "record_band": "\(recordBand)", "noise_units": "\(noiseUnits)",
            ])
    }

    /// Errors: those of `Safetensors.tensor`, `missing`, `malformed`, `wrongShape`, `badParameter`.
    public init(file: Safetensors) throws(TrainingError) {
        func field(_ name: String) throws(TrainingError) -> String {
            guard let text = file.metadata[name] else {
                throw TrainingError(.missing, "no \(name) in the metadata", at: "update")
            }
            return text
        }
        guard let scaleBits = Int(try field("scale_bits")), let clip = Double(try field("clip")),
            let band = Int(try field("record_band")), let noise = Int64(try field("noise_units"))
        else { throw TrainingError(.malformed, "a number in the metadata is none", at: "update") }
        guard file.tensors.count == 1 else {
            throw TrainingError(.wrongShape, "an update is one tensor named sum", at: "update")
        }
        try self.init(
            sum: Self.sum(in: file), architecture: DenseArchitecture(field("architecture")),
            scaleBits: scaleBits, clip: clip, recordBand: band, noiseUnits: noise)
    }

    /// Half the bytes where they suffice: updates are most of what leaves a site, and every auditor fetches them all.
    private static func narrowest(_ sum: [Int64]) -> Tensor.Storage {
        let range = Int64(Int32.min)...Int64(Int32.max)
        guard sum.allSatisfy(range.contains) else { return .int64(sum) }
        return .int32(sum.map { Int32(truncatingIfNeeded: $0) })
    }

    private static func sum(in file: Safetensors) throws(TrainingError) -> [Int64] {
        if let narrow = file.tensors["sum"]?.int32 { return narrow.map(Int64.init) }
        return try file.tensor("sum", .int64).int64 ?? []
    }

    /// The public size band of a number of records: rounded up to a multiple of `step`.
    public static func band(of count: Int, step: Int = 1_000) -> Int {
        let step = max(1, step)
        return max(1, (count + step - 1) / step) * step
    }
}
