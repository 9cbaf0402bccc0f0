import ArgumentParser
import Node
import NodeAPI
import Primitives
import Staking

struct StakeShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show an account's stake, what it has earned and what is on its way back.",
        discussion: HelpText(
            why: "Read from the ledger's state; of an operator also how its validator stands.",
            examples: [
                ("vinculum stake show", "the key 'main'"), ("vinculum stake show did:key:z… --json", "any account"),
            ], exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Argument(help: "The account, or the name of a key in the folder.") var account = "main"
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let id = try KeyStore(folder: node.folder.folder).account(account)
        let reader = try await StakeReader(try node.client())
        let validator = try await reader.validator(id)
        let isActive = try await reader.active().contains { $0.operatorAccount == id }
        let positions = try await reader.positions(of: id)
        let withdrawals = try await reader.withdrawals(of: id)
        let earned = try positions.reduce(validator?.commissionOwed ?? .zero) { try $0.adding($1.earned) }
        let document = CBORMap([
            ("account", .text(id.text)), ("collectable", .text("\(earned)")),
            ("validator", validator.map { ValidatorReport.document(id, $0, isActive, reader.parameters) } ?? .null),
            ("positions", .array(positions.map(Self.document))),
            ("unbonding", .array(withdrawals.map(Self.document))),
        ])
        output.emit("stake", document) { style in
            var parts: [String] = []
            if let validator {
                parts.append(ValidatorReport.facts(validator, isActive, reader.parameters).text(style))
            }
            if !positions.isEmpty { parts.append(Self.table(positions).text(style)) }
            if !withdrawals.isEmpty { parts.append(Self.table(withdrawals).text(style)) }
            parts.append(parts.isEmpty ? "\(id.text) has no stake" : "to collect: \(earned)")
            return parts.joined(separator: "\n\n")
        }
        return .ok
    }

    private static func document(_ position: StakeReader.Position) -> CBORValue {
        .map(
            CBORMap([
                ("validator", .text(position.id.validator.text)), ("term", .text(position.id.term.name)),
                ("stake", .text("\(position.stake)")), ("locked_until_ms", .unsigned(position.lockedUntil)),
                ("bonus", .bool(position.hasBonus)), ("earned", .text("\(position.earned)")),
            ]))
    }

    private static func document(_ withdrawal: StakeReader.Withdrawal) -> CBORValue {
        .map(
            CBORMap([
                ("validator", .text(withdrawal.validator.text)), ("amount", .text("\(withdrawal.amount)")),
                ("matures_ms", withdrawal.maturesMilliseconds.map { .unsigned($0) } ?? .null),
            ]))
    }

    private static func table(_ positions: [StakeReader.Position]) -> Table {
        var table = Table([
            ("VALIDATOR", .left), ("TERM", .left), ("STAKE", .right), ("LOCKED UNTIL", .left), ("EARNED", .right),
        ])
        for position in positions {
            table.add(
                position.id.validator.text, position.id.term.name + (position.hasBonus ? " +" : ""),
                "\(position.stake)", HumanUnits.time(milliseconds: position.lockedUntil), "\(position.earned)")
        }
        return table
    }

    private static func table(_ withdrawals: [StakeReader.Withdrawal]) -> Table {
        var table = Table([("UNBONDING FROM", .left), ("AMOUNT", .right), ("PAID OUT FROM", .left)])
        for withdrawal in withdrawals {
            let time: String =
                switch withdrawal.maturesMilliseconds {
                case nil: "after the epoch"
                case 0?: "now"
                case let time?: HumanUnits.time(milliseconds: time)
                }
            table.add(withdrawal.validator.text, "\(withdrawal.amount)", time)
        }
        return table
    }
}

struct StakeValidators: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "validators", abstract: "List validators, with their stake, commission and standing.",
        discussion: HelpText(
            why: "To choose whom to delegate to. Active ones validate in this epoch.",
            examples: [("vinculum stake validators", "the largest first")], exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let reader = try await StakeReader(try node.client())
        let active = Set(try await reader.active().map(\.operatorAccount))
        let validators = try await reader.validators().sorted { $0.record.bonded.stake > $1.record.bonded.stake }
        let documents = validators.map {
            ValidatorReport.document($0.account, $0.record, active.contains($0.account), reader.parameters)
        }
        output.emit("validators", CBORMap([("validators", .array(documents))])) { style in
            var table = Table([
                ("VALIDATOR", .left), ("STAKE", .right), ("LEVEL", .left), ("COMMISSION", .right), ("STANDING", .left),
            ])
            for (account, record) in validators {
                table.add(
                    account.text, "\(record.bonded.stake)", "\(reader.parameters.level(of: record.ownStake))",
                    Percentage.text(record.commission),
                    ValidatorReport.standing(record, active.contains(account)))
            }
            return table.text(style)
        }
        return .ok
    }
}

/// How a validator is shown.
enum ValidatorReport {
    static func standing(_ record: ValidatorRecord, _ isActive: Bool) -> String {
        if record.isBarred { return "barred" }
        if record.isJailed { return "jailed" }
        return isActive ? "active" : record.rank > 0 ? "standing" : "inactive"
    }

    static func document(
        _ account: AccountID, _ record: ValidatorRecord, _ isActive: Bool, _ parameters: StakingParameters
    ) -> CBORValue {
        .map(
            CBORMap([
                ("account", .text(account.text)), ("key", .text(AccountID(record.key).text)),
                ("stake", .text("\(record.bonded.stake)")), ("own_stake", .text("\(record.ownStake)")),
                ("level", .text("\(parameters.level(of: record.ownStake))")),
                ("commission_e6", .unsigned(record.commission)),
                ("most_commission_e6", .unsigned(record.maximumCommission)),
                ("standing", .text(standing(record, isActive))),
            ]))
    }

    static func facts(_ record: ValidatorRecord, _ isActive: Bool, _ parameters: StakingParameters) -> FactList {
        var facts = FactList()
        facts.add("standing", standing(record, isActive))
        facts.add("stake", "\(record.bonded.stake), of which own \(record.ownStake)")
        facts.add("level", "\(parameters.level(of: record.ownStake))")
        facts.add(
            "commission",
            "\(Percentage.text(record.commission)), never above \(Percentage.text(record.maximumCommission))"
        )
        facts.add("key", AccountID(record.key).text)
        return facts
    }
}
