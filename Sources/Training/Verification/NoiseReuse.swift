/// Tells updates apart that cannot both be new: two that hold the same noise.
///
/// Noise is drawn anew for each release, so the difference of two honest updates holds the noise of both, whatever the
/// gradients are: its energy is at least that of two draws, 2 n sigma^2 for n numbers. A difference of less than half
/// of that means that most of the noise was used twice. For n numbers an honest pair comes so close with a probability
/// below exp(-.0965 n): the lower tail of a chi-squared variable at half its mean, by Chernoff's bound exp(n/2 (1 - x +
/// ln x)) with x = 1/2. Below `leastCount` numbers equal updates alone are taken for a reuse.
public enum NoiseReuse {
    /// From here on the probability of an error is below 2^-139 a pair.
    public static let leastCount = 1_000

    /// Whether two updates hold the same noise, of a standard deviation of `noiseUnits` grid steps each. Never without
    /// noise: then the same work gives the same numbers.
    public static func holds(_ left: [Int64], _ right: [Int64], noiseUnits: Int64) -> Bool {
        guard noiseUnits > 0, left.count == right.count, !left.isEmpty else { return false }
        guard left.count >= leastCount else { return left == right }
        let limit = Double(noiseUnits) * Double(noiseUnits) * Double(left.count)
        var energy = 0.0
        for place in left.indices {
            // Of numbers that others have chosen: their difference may not fit 64 bits.
            let difference = Double(left[place]) - Double(right[place])
            energy += difference * difference
            // Unlike updates are known as such halfway.
            if energy >= limit { return false }
        }
        return true
    }
}
