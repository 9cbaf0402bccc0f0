// @NAME@: a verifier plugin in Swift.
//
// Steps: 1. Read draft/verifier.h: it is the specification; PluginKit is its Swift face. 2. Fill in the functions
// marked "Step". 3. `swift build -c release`, then `vinculum plugin check .`. 4. Write README.md: what it does, its
// settings, its limits.
import CVinculum
import PluginKit

@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? { PluginLibrary.entry(.verifier(MyPlugin.self)) }

/// Accepts what was opened and is finite.
final class MyPlugin: VerifierPlugin {
    static var description: PluginDescription {
        PluginDescription(id: "@ID@", version: "0.1.0", vendor: "@VENDOR@", licence: "Apache-2.0")
    }

    init(host: HostAccess) {}

    // Step: decide what to check. This one has every member's update measured.
    func plan(_ job: VerifierJob, beacon: Bytes32) throws(PluginFailure) -> [VerifierCheck] {
        // The job comes from outside: nothing is made for more members than a round can have.
        guard job.members <= 65_536 else { throw PluginFailure(.limit, "a round has 65536 members at most") }
        return (0..<job.members).map { VerifierCheck(member: $0, kind: .measure) }
    }

    // Step: judge. Verdicts are sorted by member (VER-2).
    func judge(
        _ job: VerifierJob, commitments: [VerifierCommitment], results: [VerifierResult]
    ) throws(PluginFailure) -> [VerifierVerdict] {
        let malformed = results.filter { $0.measure == UInt32(VIN_MEASURE_FINITE) && $0.value < 1_000_000 }.map(
            \.member)
        return commitments.sorted { $0.member < $1.member }.map { commitment in
            let accepted = commitment.isOpened && !malformed.contains(commitment.member)
            return VerifierVerdict(
                member: commitment.member, outcome: accepted ? .accepted : .refused,
                reason: UInt32(
                    accepted ? VIN_REASON_NONE : commitment.isOpened ? VIN_REASON_MALFORMED : VIN_REASON_NOT_OPENED),
                basis: [.bound, .checked], scoreMillionths: accepted ? 1_000_000 : 0)
        }
    }
}
