import CKernels

/// The part of differential privacy that needs the data: a full-batch sum of gradients, each clipped to a fixed L2
/// norm, as integers on a fixed grid. A privacy plugin adds exact noise on the same grid; nothing leaves a site before
/// that.
///
/// Each number of each record's gradient is rounded to the grid before anything is added, and the rest is a sum of
/// integers, which is exact. So what a record adds is the same whatever others there are and wherever it stands: a data
/// set with one record more or less, anywhere, gives a sum that differs by that record's part and nothing else.
public struct PrivateGradient: Hashable, Sendable {
    /// The largest L2 norm of a record's gradient.
    public let clip: Double
    /// The grid: one unit is 2^-scaleBits.
    public let scaleBits: Int

    /// Records that are looked at together. The sum is the same for any number.
    static let blockRecordCount = 32
    /// The largest clip in grid units; with 4 million records a sum still fits.
    private static let clipUnitsLimit = 0x1p40
    private static let sumLimit = 0x1p62

    /// `clip` in 2^-20...2^20, `scaleBits` in 0...30, and the clip at most 2^40 grid units. Errors: `badParameter`.
    public init(clip: Double, scaleBits: Int = 14) throws(TrainingError) {
        guard clip >= 0x1p-20, clip <= 0x1p20, (0...30).contains(scaleBits),
            clip * Double(1 << scaleBits) <= Self.clipUnitsLimit
        else {
            throw TrainingError(.badParameter, "clip \(clip), scale bits \(scaleBits)", at: "private gradient")
        }
        self.clip = clip
        self.scaleBits = scaleBits
    }

    public var unitsPerOne: Double { Double(1 << scaleBits) }

    /// An upper bound, in grid units, on the L2 norm of what one record adds: on the distance between the sums with and
    /// without it.
    ///
    /// Two parts, u = 2^-24:
    /// - the record's gradient: factors are rounded down, so that the exact clipped gradient is at most `clip`; scaling
    ///   its output gradient in float32 and multiplying that with the inputs add at most u relative each, the
    ///   double-precision norm less than 2^-40: clip (1 + 3u); products that underflow are covered by the last unit;
    /// - rounding to the grid: each of d numbers changes by at most half a unit: sqrt(d) / 2.
    public func sensitivityUnits(parameterCount: Int) -> Int64 {
        let sum = recordBound * unitsPerOne + Double(parameterCount).squareRoot() / 2
        return Int64(sum.rounded(.up)) + 1
    }

    private var recordBound: Double { clip * (1 + 3 * 0x1p-24) }

    /// The sum of clipped gradients at `model`, in grid units. Errors: `emptyClient`, `wrongShape`, `overflow` for more
    /// records than a sum holds.
    public func sum(of data: Dataset, at model: DenseModel) throws(TrainingError) -> [Int64] {
        try data.checkFits(model.architecture)
        let count = model.architecture.parameterCount
        let bound = recordBound * unitsPerOne + 1
        guard Double(data.count) * bound <= Self.sumLimit else {
            throw TrainingError(.overflow, "\(data.count) records at clip \(clip)", at: "private gradient")
        }
        let pass = DensePass(architecture: model.architecture, capacity: Self.blockRecordCount)
        var sums = [Int64](repeating: 0, count: count)
        sums.withUnsafeMutableBufferPointer { sums in
            guard let sums = sums.baseAddress else { return }
            data.forEachBlock(of: Self.blockRecordCount) { _, rows, inputs, labels in
                pass.forward(rows: rows, inputs: inputs, parameters: model.parameters)
                pass.backward(rows: rows, labels: labels, parameters: model.parameters)
                pass.clip(rows: rows, inputs: inputs, clip: clip)
                pass.sumOnGrid(rows: rows, inputs: inputs, scale: unitsPerOne, bound: bound, into: sums)
            }
        }
        return sums
    }

    /// The mean of the clipped gradients in float32, for public data and for federations without privacy.
    public func mean(of data: Dataset, at model: DenseModel) throws(TrainingError) -> [Float] {
        VectorMath.float(try sum(of: data, at: model), factor: 1 / (unitsPerOne * Double(data.count)))
    }
}
