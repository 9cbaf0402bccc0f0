import Primitives

/// Seeded random input for the calls of sans-IO kinds. What a plugin refuses is fine; what ends the child is not.
struct Fuzzer {
    private var numbers: SeededNumbers
    private let manifest: Manifest

    init(seed: UInt64, manifest: Manifest) {
        numbers = SeededNumbers(seed: seed)
        self.manifest = manifest
    }

    private static func calls(_ kind: PluginKind) -> [PluginCall] {
        switch kind {
        case .consensus: [.step]
        case .privacy: [.message]
        case .verifier: [.verifierPlan, .judge]
        case .bridge, .runtime: []
        }
    }

    /// Plainly malformed input: every call must refuse it, and the next call must still be answered.
    func garbage(_ target: IsolatedTarget) throws(PluginError) {
        if manifest.kind == .consensus { _ = try target.invoke(.consensusStart, [[]], []) }
        for call in Self.calls(manifest.kind) {
            for bytes in [[1, 2, 3], [UInt8](repeating: 0xff, count: 64), [UInt8](repeating: 0, count: 16)] {
                do throws(PluginError) {
                    _ = try target.invoke(call, inputs(call, bytes), [])
                } catch {
                    if error.code == .failed { continue }
                    throw error
                }
                throw PluginError(
                    .failed, plugin: manifest.id, call: call.name, "takes \(bytes.count) bytes that are no record")
            }
        }
    }

    /// Valid records with bytes changed, and noise.
    mutating func run(_ target: IsolatedTarget, calls count: Int) throws(PluginError) {
        if manifest.kind == .consensus { _ = try target.invoke(.consensusStart, [[]], []) }
        if manifest.kind == .privacy { return try runPrivacy(PrivacyInstance(manifest, target), calls: count) }
        let calls = Self.calls(manifest.kind)
        for _ in 0..<count {
            let call = calls[Int(numbers.below(UInt64(calls.count)))]
            let bytes = sample()
            do throws(PluginError) {
                let outputs = try target.invoke(call, inputs(call, bytes), [])
                var decoder = RecordDecoder(outputs.first ?? [], plugin: manifest.id, call: call.name)
                while try decoder.next() != nil {}
            } catch {
                // A refusal is what is wanted; anything else is a finding.
                if error.code != .failed { throw error }
            }
        }
    }

    /// Messages are looked at in a round only: the plugin plans and begins first, and again where it ended. Jobs of any
    /// numbers are planned in between.
    private mutating func runPrivacy(_ plugin: PrivacyInstance, calls count: Int) throws(PluginError) {
        for number in 0..<count {
            do throws(PluginError) {
                if number % 16 == 0 {
                    try beginRound(plugin, role: number % 32 == 0 ? .site : .aggregator)
                } else if numbers.below(8) == 0 {
                    _ = try plugin.plan(anyJob())
                } else {
                    _ = try plugin.message(sample())
                }
            } catch {
                if error.code != .failed { throw error }
            }
        }
    }

    private mutating func beginRound(_ plugin: PrivacyInstance, role: PrivacyRound.Role) throws(PluginError) {
        do throws(PluginError) { try plugin.end() } catch { if error.code != .failed { throw error } }
        let least = max(2, try plugin.capabilities()[0].membersLeast)
        var job = PrivacyJob(
            sensitivityInGridSteps: 1000, count: 16, gridBits: 10, roundsPlanned: 3, members: least)
        job.noiseMultiplierMillionths = 2_000_000
        _ = try plugin.plan(job)
        var members: [PublicKey] = []
        while members.count < Int(least) { if let key = numbers.key() { members.append(key) } }
        try plugin.begin(
            PrivacyRound(
                role: role, job: numbers.digest(), model: numbers.digest(), membersRoot: numbers.digest(),
                entropy: numbers.digest(), ownKey: members[0], round: 1, members: members))
    }

    /// Small and large numbers in every field.
    private mutating func anyJob() -> PrivacyJob {
        func any() -> UInt64 { numbers.next() >> numbers.below(64) }
        var job = PrivacyJob(
            sensitivityInGridSteps: any(), count: any(), gridBits: UInt32(truncatingIfNeeded: any()),
            roundsPlanned: UInt32(truncatingIfNeeded: any()), members: UInt32(truncatingIfNeeded: any()))
        job.capability = UInt32(numbers.below(4))
        if numbers.below(2) == 0 { job.epsilonBillionths = any() } else { job.noiseMultiplierMillionths = any() }
        job.deltaTrillionths = any()
        job.dropoutsMax = UInt32(truncatingIfNeeded: any())
        job.unitsPerPersonMax = UInt32(numbers.below(3))
        return job
    }

    private func inputs(_ call: PluginCall, _ bytes: [UInt8]) -> [[UInt8]] {
        switch call {
        case .verifierPlan: [bytes, [UInt8](repeating: 7, count: 32)]
        case .judge: [bytes, bytes, bytes]
        default: [bytes]
        }
    }

    private mutating func sample() -> [UInt8] {
        var bytes: [UInt8]
        switch numbers.below(4) {
        case 0: return numbers.bytes(Int(numbers.below(256)))
        case 1: bytes = record(size: 8 + Int(numbers.below(200)))
        case 2: bytes = valid()
        default: bytes = valid() + (numbers.below(2) == 0 ? record(size: 40) : [])
        }
        for _ in 0..<numbers.below(4) where !bytes.isEmpty {
            bytes[Int(numbers.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: numbers.next())
        }
        return bytes
    }

    /// A true head and noise after it.
    private mutating func record(size: Int) -> [UInt8] {
        let size = size / 8 * 8
        return Plain.bytes(UInt32(1 + numbers.below(11))) + Plain.bytes(UInt32(size)) + numbers.bytes(size - 8)
    }

    private mutating func valid() -> [UInt8] {
        let time = Int64(1_700_000_000_000 + numbers.below(1_000_000))
        switch manifest.kind {
        case .verifier:
            return VerifierJob(
                job: numbers.digest(), round: UInt32(numbers.below(10)), members: UInt32(numbers.below(20)),
                isPrivate: numbers.below(2) == 0
            ).encoded()
        default:
            let height = numbers.below(5)
            switch numbers.below(4) {
            case 0: return ConsensusEvent(timeMilliseconds: time, .timer(id: numbers.below(4))).encoded()
            case 1:
                return ConsensusEvent(
                    timeMilliseconds: time,
                    .proposalBuilt(height: height, round: 0, headerID: numbers.digest(), transactions: 1)
                ).encoded()
            case 2: return ConsensusEvent(timeMilliseconds: time, .parameters(height: height, ["a": "b"])).encoded()
            default: return ConsensusEvent(timeMilliseconds: time, .transactions(count: height, bytes: 100)).encoded()
            }
        }
    }
}
