import Primitives

/// What an auditor measures of one member's released update: integers in 1e-6, so that quorums can compare them and
/// verifier plugins can judge them. Computed from released, noised values and public data only.
public struct UpdateMeasures: Hashable, Sendable {
    /// One in fixed point.
    public static let one: Int64 = 1_000_000

    /// 1e6 when the update has the model's shape, the task's grid and is not all zero; 0 else.
    public var wellFormed: Int64
    /// L2 norm over the norm that noise alone would have; without noise, over clip times band.
    public var norm: Int64
    /// 1e6 when the same bytes were seen before in the job.
    public var duplicate: Int64
    /// Cosine with the sum of the member's own earlier updates; 0 in its first round.
    public var historyCosine: Int64
    /// Cosine with the sum of the other members' updates.
    public var othersCosine: Int64
    /// How much of what is not noise lies in the cone of per-class gradients: see `UpdateAudit.coneScore`.
    public var coneScore: Int64

    /// In the order of the task's event line and of the judge's input.
    public var values: [Int64] { [wellFormed, norm, duplicate, historyCosine, othersCosine, coneScore] }
    public static let names = ["well_formed", "norm", "duplicate", "history_cosine", "others_cosine", "cone_score"]
}

/// Measures the updates of one round. Deterministic: the same inputs give the same integers on every machine.
public struct UpdateAudit: Sendable {
    public let architecture: DenseArchitecture
    public let gradient: PrivateGradient
    private let cone: ClassCone

    /// Errors: those of `ClassCone`.
    public init(model: DenseModel, holdout: Dataset, gradient: PrivateGradient) throws(TrainingError) {
        architecture = model.architecture
        self.gradient = gradient
        cone = try ClassCone(model: model, holdout: holdout, gradient: gradient)
    }

    /// Measures `update` against `history` (the sum of the member's earlier updates, or empty), `others` (the sum of
    /// this round's other updates, or empty) and `seen` (digests of earlier updates of the job).
    public func measure(
        _ update: ReleasedUpdate, history: [Int64] = [], others: [Int64] = [], seen: Set<Digest> = []
    ) -> UpdateMeasures {
        let isDuplicate = !seen.isEmpty && seen.contains(Self.digest(update.sum))
        guard update.architecture == architecture, update.scaleBits == gradient.scaleBits,
            update.clip == gradient.clip, update.sum.contains(where: { $0 != 0 })
        else {
            return UpdateMeasures(
                wellFormed: 0, norm: 0, duplicate: isDuplicate ? UpdateMeasures.one : 0, historyCosine: 0,
                othersCosine: 0, coneScore: 0)
        }
        let values = VectorMath.float(update.sum, factor: 1)
        let norm = VectorMath.norm(values)
        let noise = Double(update.noiseUnits)
        let expected =
            noise > 0
            ? noise * Double(values.count).squareRoot()
            : gradient.clip * gradient.unitsPerOne * Double(update.recordBand)
        return UpdateMeasures(
            wellFormed: UpdateMeasures.one, norm: Self.fixedPoint(norm / expected),
            duplicate: isDuplicate ? UpdateMeasures.one : 0,
            historyCosine: Self.cosine(values, norm, history), othersCosine: Self.cosine(values, norm, others),
            coneScore: Self.fixedPoint(coneScore(values, norm: norm, noise: noise)))
    }

    /// |projection onto the cone| / sqrt(energy that nothing else explains), at most 1.
    ///
    /// Taken off in the member's favour: the noise's own energy, which is public (d sigma^2, deviation sqrt(2d)
    /// sigma^2), with three deviations; and what lies outside of the cone because its classes are known from samples
    /// only. The floor asks that the projection stands out from noise, whose projection onto ten directions is about
    /// 2.5 sigma, seldom 4.
    private func coneScore(_ values: [Float], norm: Double, noise: Double) -> Double {
        let dimensions = Double(values.count)
        let variance = noise * noise
        let projection = cone.projection(of: values)
        let ofNoise = variance * (dimensions + 3 * (2 * dimensions).squareRoot())
        let energy = norm * norm - ofNoise - projection.samplingEnergy
        let bound = max(energy, Self.floorDeviations * Self.floorDeviations * variance)
        return bound > 0 ? min(1, projection.norm / bound.squareRoot()) : 0
    }

    private static let floorDeviations = 5.0

    /// The digest by which equal updates are found: of the sum's numbers, little-endian.
    public static func digest(_ sum: [Int64]) -> Digest {
        sum.withUnsafeBytes { Digest.blake2b256($0) }
    }

    private static func cosine(_ values: [Float], _ norm: Double, _ other: [Int64]) -> Int64 {
        guard other.count == values.count else { return 0 }
        let other = VectorMath.float(other, factor: 1)
        let product = norm * VectorMath.norm(other)
        return product > 0 ? fixedPoint(VectorMath.dot(values, other) / product) : 0
    }

    /// Rounded to the nearest 1e-6, away from zero on ties; clamped to +-1e12.
    private static func fixedPoint(_ value: Double) -> Int64 {
        Int64((min(max(value, -1e6), 1e6) * Double(UpdateMeasures.one)).rounded())
    }
}
