import CSodium
public import CVinculum
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.privacy(DifferentialPrivacy.self))
}

/// Discrete Gaussian noise at the site: what leaves it is differentially private against everyone.
///
/// One instance serves one round at a time, on one lane.
final class DifferentialPrivacy: PrivacyPlugin {
    static let description = PluginDescription(
        id: "org.vinculum.privacy-dp", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0")

    /// A round that this instance has released; a second release of it would be a second use under one cost.
    private struct UsedRound: Hashable {
        let job: Bytes32
        let round: UInt32
    }

    // The struct of a round cannot be copied, so that its noise cannot be drawn twice; a class holds it across calls.
    private final class OpenRound {
        var site: SiteRound
        let identity: UsedRound

        init(_ site: consuming SiteRound, identity: UsedRound) {
            self.site = site
            self.identity = identity
        }
    }

    private var plan: SitePlan?
    private var open: OpenRound?
    private var released = Set<UsedRound>()
    /// One-way images of the entropies of this instance's rounds, to refuse one that comes again.
    private var entropies = Set<Bytes32>()

    init(host: HostAccess) {}

    /// The units that can be planned, in the order of the capability's index.
    let capabilities: [vin_privacy_capability] = [VIN_UNIT_RECORD, VIN_UNIT_PERSON, VIN_UNIT_SITE].map { unit in
        vin_privacy_capability(
            struct_size: 0, unit: UInt32(unit), relation: UInt32(VIN_RELATION_ADD_OR_REMOVE),
            adversary: UInt32(VIN_ADVERSARY_EVERYONE), shown: UInt32(VIN_SHOWN_SINGLE_UPDATES), members_least: 1,
            colluding_members_max: 0, message_steps: 0, dropouts_max_e6: 1_000_000, reserved: 0)
    }

    func plan(_ job: vin_privacy_job) throws(PluginFailure) -> PrivacyPlan {
        guard Int(job.capability) < capabilities.count else {
            throw PluginFailure(.unsupported, "there is no guarantee \(job.capability)")
        }
        let isPerson = capabilities[Int(job.capability)].unit == UInt32(VIN_UNIT_PERSON)
        guard isPerson == (job.units_per_person_max > 0) else {
            throw PluginFailure(.invalid, "units_per_person_max belongs to the unit person, and to no other")
        }
        guard job.members >= 1 else { throw PluginFailure(.invalid, "a round needs a member") }
        let request = MechanismRequest(
            epsilonE9: job.epsilon_e9, deltaE12: job.delta_e12, noiseMultiplierE6: job.noise_multiplier_e6,
            sensitivity: job.sensitivity_grid, count: job.count, gridBits: job.grid_bits, rounds: job.rounds_planned)
        let made: SitePlan
        // To find the least noise takes longer than to draw it, and every round of a job asks for the same.
        if let plan, plan.request == request {
            made = plan
        } else {
            do throws(MechanismRefusal) { made = try SitePlan(request) } catch { throw error.failure }
        }
        guard let cost = PrivacyCost(made.cost) else {
            throw PluginFailure(.internalError, "a cost vector has the wrong length")
        }
        plan = made
        return PrivacyPlan(
            noiseScaleInGridSteps: made.sigma.numerator, epsilonBillionths: made.epsilonE9, expansionBytes: 0,
            costOfRound: cost)
    }

    func begin(_ round: PrivacyRound) throws(PluginFailure) {
        guard let plan else { throw PluginFailure(.state, "no plan") }
        guard round.role == .site else { return }
        let identity = UsedRound(job: round.job, round: round.round)
        guard !released.contains(identity) else { throw MechanismRefusal.roundUsedBefore.failure }
        guard !round.entropy.isZero else { throw MechanismRefusal.entropyIsZero.failure }
        var bytes = round.entropy.bytes
        defer { sodium_memzero(&bytes, bytes.count) }
        let image = Self.image(of: bytes)
        guard !entropies.contains(image) else { throw MechanismRefusal.entropyUsedBefore.failure }
        do throws(MechanismRefusal) {
            open = OpenRound(try SiteRound(plan: plan, entropy: bytes.span), identity: identity)
        } catch {
            throw error.failure
        }
        entropies.insert(image)
    }

    func spend() throws(PluginFailure) -> PrivacyCost {
        guard let open else { throw MechanismRefusal.notBegun.failure }
        do throws(MechanismRefusal) {
            let orders = try open.site.spend()
            guard let cost = PrivacyCost(orders) else { throw MechanismRefusal.notBegun }
            return cost
        } catch {
            throw error.failure
        }
    }

    func release(
        _ values: inout MutableSpan<Int64>, sensitivityInGridSteps: UInt64, gridBits: UInt32, extra: inout [UInt8]
    ) throws(PluginFailure) {
        guard let open else { throw MechanismRefusal.notBegun.failure }
        guard !released.contains(open.identity) else { throw MechanismRefusal.roundUsedBefore.failure }
        do throws(MechanismRefusal) {
            try open.site.release(&values, sensitivity: sensitivityInGridSteps, gridBits: gridBits)
        } catch {
            throw error.failure
        }
        released.insert(open.identity)
    }

    /// Integer addition: every member's vector carries its own noise already.
    func combine(
        member: Bytes32, vector: Span<Int64>, total: inout MutableSpan<Int64>, extra: [UInt8]
    ) throws(PluginFailure) {
        guard extra.isEmpty else { throw PluginFailure(.invalid, "this mechanism sends no extra bytes") }
        // Checked first, so that a failed call leaves the total as it was.
        for index in total.indices where total[index].addingReportingOverflow(vector[index]).overflow {
            throw PluginFailure(.limit, "the total overflows 64 bits")
        }
        for index in total.indices { total[index] &+= vector[index] }
    }

    /// Nothing to take off: a member that was lost left nothing in the total.
    func recover(total: inout MutableSpan<Int64>, lost: [Bytes32]) throws(PluginFailure) {}

    func end() throws(PluginFailure) { open = nil }

    private static func image(of bytes: [UInt8]) -> Bytes32 {
        var digest = [UInt8](repeating: 0, count: 32)
        let label = Array("vinculum/privacy-dp/entropy/1".utf8)
        _ = crypto_generichash(&digest, 32, bytes, UInt64(bytes.count), label, label.count)
        return Bytes32(digest) ?? .zero
    }
}

extension MechanismRefusal {
    /// The refusal as the interface has it.
    var failure: PluginFailure {
        switch self {
        case .alreadyReleased, .costNotAsked, .notBegun: PluginFailure(.state, sentence)
        case .sumOutOfRange: PluginFailure(.limit, sentence)
        case .entropyUsedBefore, .roundUsedBefore: PluginFailure(.conflict, sentence)
        case .noNoiseSuffices, .noiseTooSmall, .sensitivityAbovePlan: PluginFailure(.refused, sentence)
        default: PluginFailure(.invalid, sentence)
        }
    }
}
