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
