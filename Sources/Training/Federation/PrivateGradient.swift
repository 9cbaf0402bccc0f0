import CKernels

/// The part of differential privacy that needs the data: a full-batch sum of gradients, each clipped to a fixed L2
/// norm, as integers on a fixed grid. A privacy plugin adds exact noise on the same grid; nothing leaves a site before
/// that.
///
/// Records lie in slots of 32 by their index. Within a slot the sum is float32 in the order of records; each slot is
/// rounded to the grid and slots are added as integers, which is exact. So a record that is removed (its place stays,
/// empty) changes one slot only, and the change of the released sum is bounded by `sensitivityUnits`.
public struct PrivateGradient: Hashable, Sendable {
    /// The largest L2 norm of a record's gradient.
    public let clip: Double
    /// The grid: one unit is 2^-scaleBits.
    public let scaleBits: Int

    public static let slotRecordCount = 32

    /// `clip` in 2^-20...2^20, `scaleBits` in 0...30, and a slot's sum must fit the grid. Errors: `badParameter`.
    public init(clip: Double, scaleBits: Int = 14) throws(TrainingError) {
        guard clip >= 0x1p-20, clip <= 0x1p20, (0...30).contains(scaleBits) else {
            throw TrainingError(.badParameter, "clip \(clip), scale bits \(scaleBits)", at: "private gradient")
        }
        self.clip = clip
        self.scaleBits = scaleBits
    }

    public var unitsPerOne: Double { Double(1 << scaleBits) }

    /// An upper bound, in grid units, on the L2 distance between the sums with and without any one record.
    ///
    /// Three parts, u = 2^-24, n = 32:
    /// - the record itself: factors are rounded down, so its exact clipped gradient is at most `clip`; scaling its
    ///   output gradient in float32 adds at most u relative, the double-precision norm less than 2^-40: clip (1 + 2u);
    /// - float32 sums of n products: each of the two slot sums is off by at most gamma = n u / (1 - n u) of the sum of
    ///   magnitudes, whose L2 norm is at most n clip (1 + 2u): 2 gamma n clip (1 + 2u); products that underflow add
    ///   less than 2^-140 each, covered by the last unit;
    /// - rounding to the grid: each of d coordinates changes by less than one unit more: sqrt(d).
    public func sensitivityUnits(parameterCount: Int) -> Int64 {
        let unit = 0x1p-24
        let slot = Double(Self.slotRecordCount)
        let gamma = slot * unit / (1 - slot * unit)
        let record = clip * (1 + 2 * unit)
        let sum = (record + 2 * gamma * slot * record) * unitsPerOne
        return Int64((sum + Double(parameterCount).squareRoot()).rounded(.up)) + 1
    }

    /// The sum of clipped gradients at `model`, in grid units. `omitting` leaves those records' places empty.
    /// Errors: `emptyClient`, `wrongShape`.
    public func sum(
        of data: Dataset, at model: DenseModel, omitting: Set<Int> = []
    ) throws(TrainingError) -> [Int64] {
        try data.checkFits(model.architecture)
        let count = model.architecture.parameterCount
        let pass = DensePass(architecture: model.architecture, capacity: Self.slotRecordCount)
        var slot = [Float](repeating: 0, count: count)
        var sums = [Int64](repeating: 0, count: count)
        slot.withUnsafeMutableBufferPointer { slot in
            sums.withUnsafeMutableBufferPointer { sums in
                guard let slotBase = slot.baseAddress else { return }
                data.forEachBlock(of: Self.slotRecordCount) { start, rows, inputs, labels in
                    pass.forward(rows: rows, inputs: inputs, parameters: model.parameters)
                    pass.backward(rows: rows, labels: labels, parameters: model.parameters)
                    pass.clip(rows: rows, inputs: inputs, clip: clip)
                    for record in omitting where (start..<start + rows).contains(record) {
                        pass.clearRecord(record - start)
                    }
                    pass.sumGradients(rows: rows, inputs: inputs, into: slotBase, accumulate: false)
                    vin_accumulate_fixed_point(count, slotBase, unitsPerOne, sums.baseAddress)
                }
            }
        }
        return sums
    }

    /// The mean of the clipped gradients in float32, for public data and for federations without privacy.
    public func mean(of data: Dataset, at model: DenseModel) throws(TrainingError) -> [Float] {
        VectorMath.float(try sum(of: data, at: model), factor: 1 / (unitsPerOne * Double(data.count)))
    }
}
