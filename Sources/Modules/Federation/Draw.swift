import Primitives

/// Draws without replacement that everyone can repeat: the k-th pick hashes beacon, job, round and the running index.
public enum Draw {
    /// - Parameters:
    ///   - candidates: in ascending order, so that all draw from the same list.
    ///   - start: how many were drawn before for this round; a larger draw goes on from there.
    /// - Returns: at most `count` of the candidates, in the order in which they were drawn. Each pick takes 128 bits
    /// modulo the
    ///   number of candidates: the bias is below 2^-100.
    public static func pick<Candidate>(
        _ count: Int, from candidates: [Candidate], beacon: Digest, job: Digest, round: UInt32, start: Int
    ) -> [Candidate] {
        var rest = candidates
        var picked: [Candidate] = []
        while picked.count < count, !rest.isEmpty {
            var encoder = CBOREncoder()
            encoder.array(count: 4)
            encoder.digest(beacon)
            encoder.digest(job)
            encoder.unsigned(round)
            encoder.unsigned(UInt64(start + picked.count))
            let digest = Digest.blake2b256(signedBytes(kind: "draw", body: encoder.finish()))
            let number = digest.bytes.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            picked.append(rest.remove(at: Int(number % UInt128(rest.count))))
        }
        return picked
    }
}
