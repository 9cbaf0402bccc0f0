// @NAME@: a privacy plugin in Swift.
//
// Steps: 1. Read draft/privacy.h: it is the specification; PluginKit is its Swift face. 2. Fill in the functions marked
// "Step". 3. `swift build -c release`, then `vinculum plugin check .`. 4. Write README.md: what it does, its settings,
// its limits.
import CVinculum
import PluginKit

@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? { PluginLibrary.entry(.privacy(MyPlugin.self)) }

/// Releases zeros: protects everything that a site holds, and costs nothing. Where your mechanism goes.
final class MyPlugin: PrivacyPlugin {
    static var description: PluginDescription {
        PluginDescription(id: "@ID@", version: "0.1.0", vendor: "@VENDOR@", licence: "Apache-2.0")
    }

    private var plannedCount: UInt64?
    private var hasBegun = false

    init(host: HostAccess) {}

    // Step: say what your mechanism guarantees.
    var capabilities: [vin_privacy_capability] {
        [
            vin_privacy_capability(
                struct_size: 0, unit: vin_privacy_unit(VIN_UNIT_SITE),
                relation: vin_privacy_relation(VIN_RELATION_ADD_OR_REMOVE),
                adversary: vin_privacy_adversary(VIN_ADVERSARY_EVERYONE),
                shown: vin_privacy_shown(VIN_SHOWN_SINGLE_UPDATES), members_least: 1, colluding_members_max: 0,
                message_steps: 0, dropouts_max_e6: 1_000_000, reserved: 0)
        ]
    }

    // Step: noise and cost for a job.
    func plan(_ job: vin_privacy_job) throws(PluginFailure) -> PrivacyPlan {
        guard job.capability == 0, job.count > 0, job.rounds_planned > 0 else {
            throw PluginFailure(.invalid, "the job names no guarantee, no values or no rounds")
        }
        guard (job.epsilon_e9 != 0) != (job.noise_multiplier_e6 != 0) else {
            throw PluginFailure(.invalid, "exactly one of epsilon and noise multiplier is to be given")
        }
        guard !hasBegun else { throw PluginFailure(.state, "a round has begun") }
        plannedCount = job.count
        return PrivacyPlan(
            noiseScaleInGridSteps: 0, epsilonBillionths: 0, expansionBytes: 0, costOfRound: try cost())
    }

    func begin(_ round: PrivacyRound) throws(PluginFailure) {
        guard plannedCount != nil, !hasBegun else { throw PluginFailure(.state, "no plan, or a round has begun") }
        hasBegun = true
    }

    func spend() throws(PluginFailure) -> PrivacyCost {
        guard hasBegun else { throw PluginFailure(.state, "no round has begun") }
        return try cost()
    }

    private func cost() throws(PluginFailure) -> PrivacyCost {
        guard let cost = PrivacyCost([UInt64](repeating: 0, count: Int(VIN_PRIVACY_ORDER_COUNT))) else {
            throw PluginFailure(.internalError, "a cost of another length")
        }
        return cost
    }

    // Step: protect the values in place.
    func release(
        _ values: inout MutableSpan<Int64>, sensitivityInGridSteps: UInt64, gridBits: UInt32, extra: inout [UInt8]
    ) throws(PluginFailure) {
        guard UInt64(values.count) == plannedCount else {
            throw PluginFailure(.invalid, "another number of values than planned")
        }
        for index in values.indices { values[index] = 0 }
    }

    func combine(
        member: Bytes32, vector: Span<Int64>, total: inout MutableSpan<Int64>, extra: [UInt8]
    ) throws(PluginFailure) {
        guard vector.count == total.count else {
            throw PluginFailure(.invalid, "another number of values than planned")
        }
        for index in vector.indices {
            let (sum, overflow) = total[index].addingReportingOverflow(vector[index])
            guard !overflow else { throw PluginFailure(.limit, "a sum does not fit 64 bits") }
            total[index] = sum
        }
    }

    func recover(total: inout MutableSpan<Int64>, lost: [Bytes32]) throws(PluginFailure) {}

    func end() throws(PluginFailure) {
        guard hasBegun else { throw PluginFailure(.state, "no round has begun") }
        hasBegun = false
    }
}
