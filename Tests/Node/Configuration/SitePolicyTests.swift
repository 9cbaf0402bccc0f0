import Federation
import Primitives
import Privacy
import Testing

@testable import Node

@Suite("A policy file says what the rules enforce")
struct SitePolicyTests {
    private func policy(_ flags: [String: String] = [:]) throws -> SitePolicy {
        try SitePolicy(text: SitePolicy.schema.documentedFile(), file: "site.toml", baseFolder: "/s", flags: flags)
    }

    @Test("every rule of the file arrives, with names resolved")
    func allRules() throws {
        let policy = try policy([
            "policy.least_members": "7", "policy.least_base_pay": "2.5", "policy.least_commit_ms": "1234",
            "policy.shown": "one-sum", "guarantee.delta": "1e-6", "guarantee.epsilon_per_job": "1.5",
            "guarantee.adversary": "colluding-members", "guarantee.colluders": "3", "budget.epsilon_total": "2",
            "budget.per_job_share": "1",
        ])
        let rules = policy.rules
        #expect(rules.minimumMembers == 7)
        #expect(rules.minimumBasePay.baseUnits == 2_500_000_000_000_000_000)
        #expect(rules.minimumCommitMilliseconds == 1_234)
        #expect(rules.shown == [.oneSum])
        #expect(rules.weakest.deltaTrillionths == 1_000_000)
        #expect(rules.weakest.epsilonBillionths == 1_500_000_000)
        #expect(rules.weakest.adversary == .colludingMembers(3))
        #expect(rules.limits == RenyiConversion.limits(epsilon: 2, deltaTrillionths: 1_000_000))
        #expect(rules.requesters.count == 1)
        #expect(rules.trainers.count == 1)
        #expect(rules.digest == policy.digest)
    }

    @Test("one job gets the least of its own limit and its share of the whole")
    func epsilonPerJob() throws {
        func epsilon(_ total: String, _ share: String, _ limit: String) throws -> UInt64 {
            try policy([
                "budget.epsilon_total": total, "budget.per_job_share": share, "guarantee.epsilon_per_job": limit,
            ]).rules.weakest.epsilonBillionths
        }
        #expect(try epsilon("8", "0.25", "3") == 2_000_000_000)
        #expect(try epsilon("8", "0.5", "3") == 3_000_000_000)
        #expect(try epsilon("2", "1", "3") == 3_000_000_000)
    }

    @Test("the digest is that of the text, byte by byte")
    func digest() throws {
        let text = SitePolicy.schema.documentedFile()
        let policy = try SitePolicy(text: text, file: "site.toml", baseFolder: "/s")
        #expect(policy.digest == Digest.blake2b256(Array(text.utf8)))
        let other = try SitePolicy(text: text + "\n", file: "site.toml", baseFolder: "/s")
        #expect(other.digest != policy.digest)
    }
}
