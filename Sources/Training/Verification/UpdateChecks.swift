/// Checks of a vector that came from outside, before it may count for anything. Each refusal names the member.
public enum UpdateChecks {
    /// Refuses a wrong length (`wrongShape`), NaN and infinities (`notFinite`), a zero vector (`zeroUpdate`), and a
    /// norm above the limit (`normTooLarge`).
    public static func check(
        _ values: [Float], count: Int, normLimit: Double, member: String
    ) throws(TrainingError) {
        guard values.count == count else {
            throw TrainingError(.wrongShape, "\(values.count) numbers, the model has \(count)", at: member)
        }
        let bad = VectorMath.notFiniteCount(values)
        guard bad == 0 else { throw TrainingError(.notFinite, "\(bad) numbers are NaN or infinite", at: member) }
        let norm = VectorMath.norm(values)
        guard norm > 0 else { throw TrainingError(.zeroUpdate, "every number is zero", at: member) }
        guard norm <= normLimit else {
            throw TrainingError(.normTooLarge, "norm \(norm), at most \(normLimit)", at: member)
        }
    }
}
