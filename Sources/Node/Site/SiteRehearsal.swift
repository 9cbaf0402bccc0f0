import Federation
import Ledger
import Logging
import PluginHost
import Primitives
import Privacy

/// A site that only says what it would do: for an owner who wants to see a policy at work before any data is touched.
/// It reads the ledger, sends nothing and signs nothing.
public struct SiteRehearsal: Sendable {
    private let gateway: LightClient
    private let policy: SitePolicy
    private let rules: SiteRules
    private let account: AccountID
    private let privacy: PluginLane<PrivacyInstance>
    private let logger: Logger

    public init(
        policy: SitePolicy, service: any NodeService, plugins: any PluginSource, logger: Logger
    ) throws {
        account = AccountID(try SecretKey.load(from: policy.keyFile).publicKey)
        let genesis = try Genesis.decode(try DurableFile.read(policy.genesisFile, limitBytes: 16 << 20))
        gateway = LightClient(service: service, genesis: genesis, account: account)
        let mechanism = policy.privacyPlugin
        privacy = try plugins.privacy(mechanism)
        var rules = policy.rules
        rules.held = try PluginReference(plugins.manifest(mechanism))
        self.rules = rules
        self.policy = policy
        self.logger = logger
    }

    /// Judges each invitation once, until the task is cancelled.
    public func run() async throws {
        logger.info("dry run as \(account): nothing is sent, nothing is signed")
        var judged: Set<Digest> = []
        var node = RetryBook<Int>()
        node.longest = .seconds(5)
        while !Task.isCancelled {
            do {
                let height = try await gateway.head().height
                try await turn(&judged)
                node.passed(0)
                try await gateway.waitForBlock(after: height)
            } catch is CancellationError {
                return
            } catch {
                if node.failed(0, "\(error)") { logger.warning("\(error)") }
                if let next = node.next { try await Task.sleep(until: next, clock: .continuous) }
            }
        }
    }

    private func turn(_ judged: inout Set<Digest>) async throws {
        for job in try await gateway.jobs(concerning: account) where !judged.contains(job) {
            guard let reader = try await JobReader(job: job, state: gateway) else { continue }
            guard reader.terms.members.contains(account) else {
                judged.insert(job)
                continue
            }
            do {
                say(try await judge(reader), reader)
            } catch {
                guard !SiteAgent.concernsTheNode(error), let trouble = OwnTrouble(error) else { throw error }
                say(.refuse(trouble.reason, detail: "\(error)"), reader)
            }
            judged.insert(job)
        }
    }

    /// What the site would answer. A dataset that is not registered counts as one that has spent nothing.
    func judge(_ job: JobReader) async throws -> SiteDecision {
        let question = try await SandboxedWork.privacyJob(job.terms, for: privacy)
        let plan = try await privacy.call { (plugin) throws(PluginError) in try plugin.plan(question) }
        guard let cost = CostVector(plan.costOfRound) else {
            throw UnusableTerms(field: "mechanism", reason: "a cost of \(plan.costOfRound.count) orders")
        }
        let dataset = DatasetRecord(
            owner: account, registration: SiteSetup.registration(policy, label: .zero), spent: .zero)
        return rules.judge(
            job.terms, requester: try await job.record()?.requester, dataset: dataset, cost: cost, spent: .zero)
    }

    private func say(_ decision: SiteDecision, _ job: JobReader) {
        let name = job.job.hex.prefix(12)
        switch decision {
        case .accept(let rounds): logger.info("job \(name): would accept, and reserve budget for \(rounds) rounds")
        case .refuse(let reason, let detail): logger.info("job \(name): would refuse, \(reason): \(detail)")
        }
    }
}
