/// One round at a site: its noise source, and the rule that one sum leaves it once, after its cost was asked.
///
/// Belongs to one lane. The source wipes itself when the round goes away.
struct SiteRound: ~Copyable {
    /// Room for the noise: it stays below 2^47, so sums up to this bound cannot overflow 64 bits.
    static let sumMax: Int64 = 1 << 62

    private let plan: SitePlan
    private let sampler: DiscreteGaussian
    private var source: ChaChaSource
    private var costAsked = false
    private var released = false

    /// - Parameter entropy: 32 fresh secret bytes; the caller has checked that they were not used before.
    init(plan: SitePlan, entropy: borrowing Span<UInt8>) throws(MechanismRefusal) {
        guard let source = ChaChaSource(seed: entropy) else { throw .entropyIsZero }
        guard let sampler = DiscreteGaussian(sigma: plan.sigma) else { throw .noNoiseSuffices }
        self.plan = plan
        self.source = source
        self.sampler = sampler
    }

    /// The cost of the release, to be recorded before it is made.
    mutating func spend() throws(MechanismRefusal) -> [UInt64] {
        guard !released else { throw .alreadyReleased }
        costAsked = true
        return plan.cost
    }

    /// Checks everything that can be checked, then adds noise in place. Nothing is changed when it throws.
    mutating func release(
        _ values: inout MutableSpan<Int64>, sensitivity: UInt64, gridBits: UInt32
    ) throws(MechanismRefusal) {
        guard costAsked else { throw .costNotAsked }
        guard !released else { throw .alreadyReleased }
        guard UInt64(values.count) == plan.request.count else { throw .wrongCount }
        guard gridBits == plan.request.gridBits else { throw .wrongGrid }
        guard sensitivity <= plan.request.sensitivity else { throw .sensitivityAbovePlan }
        // All values are looked at, so that the time to refuse says nothing about where the first bad one is.
        var outside: Int64 = 0
        for index in values.indices {
            outside |= values[index] > Self.sumMax || values[index] < -Self.sumMax ? 1 : 0
        }
        guard outside == 0 else { throw .sumOutOfRange }
        released = true
        sampler.addNoise(to: &values, from: &source)
    }
}
