import PluginHost
import Primitives

/// The privacy plugin as a site calls it: noise for every parameter of the demo's model, and the accounting of a job.
struct PrivacyBenchmark {
    let prefix: String
    private static let parameterCount = 50_890
    /// What the plain integer algorithm of Canonne, Kamath and Steinke took in trials, and OpenDP's sampler at best.
    private static let limitNanoseconds = 120.0
    private static let openDPNanoseconds = 11_000.0

    static func job(count: Int) -> PrivacyJob {
        var job = PrivacyJob(
            sensitivityInGridSteps: 70_000, count: UInt64(count), gridBits: 16, roundsPlanned: 30, members: 10)
        job.epsilonBillionths = 3_000_000_000
        return job
    }

    static func round(_ number: UInt32, role: PrivacyRound.Role, key: PublicKey) -> PrivacyRound {
        PrivacyRound(
            role: role, job: .blake2b256([1]), model: .blake2b256([2]), membersRoot: .blake2b256([3]),
            entropy: .blake2b256(Array("entropy of a benchmark \(number)".utf8)), ownKey: key, round: number,
            members: [key])
    }

    func run(_ report: Report) throws {
        let plugin = try PluginsBenchmark.registry(prefix: prefix).privacy("privacy-dp")
        guard let key = SecretKey(seed: Digest.blake2b256([1]).bytes)?.publicKey else {
            throw PluginsBenchmark.Failure(description: "libsodium makes no key")
        }
        var failure: PluginError?
        // Another job each time: the plugin keeps what it found for the last one.
        var count = Self.parameterCount
        let planning = leastTime(repeats: 5, calls: 3) {
            count += 1
            do throws(PluginError) { _ = try plugin.plan(Self.job(count: count)) } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        let plan = try plugin.plan(Self.job(count: Self.parameterCount))
        let buffer = try plugin.makeBuffer(count: Self.parameterCount)
        var times: [Double] = []
        for number in 1...9 {
            try plugin.begin(Self.round(UInt32(number), role: .site, key: key))
            _ = try plugin.spend()
            let start = threadSeconds()
            _ = try plugin.release(buffer, sensitivityInGridSteps: 70_000, gridBits: 16)
            times.append(threadSeconds() - start)
            try plugin.end()
        }
        let each = (times.min() ?? .nan) / Double(Self.parameterCount) * 1e9
        let scale = counted(Int(plan.noiseScaleInGridSteps))
        report.add(
            "exact discrete Gaussian noise, scale \(scale), one value", "\(significant(each)) ns",
            "plain integer algorithm in trials: 120 ns", ratio: each / Self.limitNanoseconds, target: .atMost(1))
        report.add(
            "the same against OpenDP 0.16", "\(significant(each)) ns", "published: 11,000 to 16,000 ns",
            ratio: Self.openDPNanoseconds / each)
        report.add(
            "least noise for epsilon 3 over 30 rounds, found by the accountant", "\(milliseconds(planning)) ms",
            "")
    }
}
