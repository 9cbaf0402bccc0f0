import ArgumentParser
import Consensus
import Ledger
import Node
import NodeAPI
import Primitives

struct ConsensusShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the engine in charge, the planned one, and who decides.",
        discussion: HelpText(
            why: "Read from the ledger's state: all nodes of the chain say the same at the same height.",
            examples: [("vinculum consensus show --json", "for programs")], exits: ExitStatus.ofNode
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    /// What the state says of engines.
    private struct Answer {
        let status: NodeStatus
        let schedule: EngineSchedule
        let rules: ConsensusGenesis?
        let approvals: [(account: AccountID, approval: Approval)]

        var planned: EngineActivation? { schedule.next(after: status.height + 1) }
        var since: UInt64 { schedule.engine(at: status.height + 1)?.height ?? 0 }

        var decides: String {
            guard let rules else { return "nobody" }
            return rules.operators.isEmpty ? "validators" : "operators"
        }
    }

    func execute() async throws -> ExitStatus {
        let answer = try await Self.ask(try node.client())
        output.emit("consensus", Self.document(answer)) { style in
            var facts = FactList()
            facts.add("engine", "\(answer.status.engine), since height \(answer.since)")
            facts.add(
                "planned", answer.planned.map { "\($0.engine), from height \($0.height) on" } ?? "nothing")
            facts.add("height", "\(answer.status.height)")
            switch answer.decides {
            case "nobody": facts.add("changed by", "nobody: the genesis has no section for it")
            case "validators": facts.add("changed by", "validators with the power that certifies blocks")
            default: facts.add("changed by", (answer.rules?.operators ?? []).map(\.text).joined(separator: ", "))
            }
            if let rules = answer.rules {
                facts.add("choice", rules.engines.map(\.engine).joined(separator: ", "))
            }
            for (account, approval) in answer.approvals {
                let wish = approval.swap.map { "\($0.engine) from height \($0.height) on" } ?? "to call it off"
                facts.add("approval", "\(account.text): \(wish)")
            }
            return facts.text(style)
        }
        return .ok
    }

    private static func ask(_ service: any NodeService) async throws -> Answer {
        let status = try await service.status()
        let schedule = try await service.state(at: EngineSchedule.path).value.map { try EngineSchedule.decode($0) }
        let rules = try await service.state(at: ConsensusPaths.rules.bytes).value.map {
            try ConsensusGenesis.decode($0)
        }
        let prefix = ConsensusPaths.approvals.bytes
        // One for each validator at most.
        let page = try await service.list(prefix: prefix, after: nil, limit: ValidatorSet.maximumCount)
        var approvals: [(account: AccountID, approval: Approval)] = []
        for entry in page.entries {
            guard let key = PublicKey(bytes: Array(entry.path.dropFirst(prefix.count))) else { continue }
            approvals.append((AccountID(key), try Approval.decode(entry.value)))
        }
        return Answer(status: status, schedule: schedule ?? EngineSchedule(), rules: rules, approvals: approvals)
    }

    private static func document(_ answer: Answer) -> CBORMap {
        let operators = answer.rules?.operators ?? []
        let allowed = answer.rules?.engines ?? []
        return CBORMap([
            ("engine", .text(answer.status.engine)), ("since_height", .unsigned(answer.since)),
            ("height", .unsigned(answer.status.height)),
            ("planned", answer.planned.map { .map(planned($0)) } ?? .null), ("decides", .text(answer.decides)),
            ("operators", .array(operators.map { .text($0.text) })),
            ("allowed", .array(allowed.map { .text($0.engine) })),
            ("approvals", .array(answer.approvals.map { .map(approval($0.account, $0.approval)) })),
        ])
    }

    private static func approval(_ account: AccountID, _ approval: Approval) -> CBORMap {
        var map = CBORMap([("validator", .text(account.text)), ("engine", .null), ("height", .null)])
        if let swap = approval.swap {
            map["engine"] = .text(swap.engine)
            map["height"] = .unsigned(swap.height)
        }
        return map
    }

    private static func planned(_ activation: EngineActivation) -> CBORMap {
        CBORMap([
            ("engine", .text(activation.engine)), ("height", .unsigned(activation.height)),
            ("parameters", .map(activation.parameters)),
        ])
    }
}
