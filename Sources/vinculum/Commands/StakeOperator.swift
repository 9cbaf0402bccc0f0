import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives
import Staking

/// A commission as people write it.
enum Percentage {
    /// In 1e-6; nil for other than 0 to 100 with at most four decimals.
    static func millionths(_ text: String) -> UInt64? {
        guard let amount = try? Amount(text), amount <= Amount(tokens: 100) else { return nil }
        let unit = Amount.baseUnitsPerToken / 10_000
        return amount.baseUnits.isMultiple(of: unit) ? UInt64(amount.baseUnits / unit) : nil
    }

    static func text(_ millionths: UInt64) -> String {
        "\(Amount(baseUnits: UInt128(millionths) * (Amount.baseUnitsPerToken / 10_000))) %"
    }

    static func read(_ text: String, _ option: String) throws -> UInt64 {
        guard let value = millionths(text) else {
            throw ValidationError("\(option) takes 0 to 100 percent with up to four decimals")
        }
        return value
    }
}

struct StakeRegister: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Make an account a validator, with the key of a node.",
        discussion: HelpText(
            why: """
                The account pays the stake and takes the rewards; the node's key votes. The key signs here that it
                belongs to the account, once and for all.
                """,
            examples: [
                ("vinculum stake register 100000 --commission 5 --most-commission 10", "this folder's node"),
                ("vinculum stake register 100000 --node-key other/keys/node.key", "another folder's node"),
            ],
            limits: """
                The key stays this validator's for good, and the commission below its most. Run the node with
                ledger.durability = "full": a node that may forget what it signed is not given the key.
                """, exits: Stake.exits
        ).text)

    @Argument(help: "How many tokens; the level that they reach decides whether the validator may be active.")
    var amount: String
    @Option(help: ArgumentHelp("The part of rewards before delegators.", valueName: "percent")) var commission = "5"
    @Option(help: ArgumentHelp("The most that the commission will ever be.", valueName: "percent"))
    var mostCommission = "20"
    @Option(help: "How long the stake is locked: month, half-year or year.") var term = LockTerm.month
    @Option(help: ArgumentHelp("The node's key (that of the folder's node if left out).", valueName: "file"))
    var nodeKey: String?
    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let tokens = try CallOptions.amount(amount)
        let part = try Percentage.read(commission, "--commission")
        let most = try Percentage.read(mostCommission, "--most-commission")
        guard part <= most else { throw ValidationError("--commission is above --most-commission") }
        let key = try SecretKey.load(from: try nodeKey ?? stake.node.folder.configuration().keyFile)
        let account = try stake.account()
        return try await stake.send(.register, output) { chain in
            RegisterBody(
                key: key, of: account, chain: chain, commission: part, maximumCommission: most, stake: tokens,
                term: term)
        }
    }
}

struct StakeCommission: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "commission", abstract: "Set the commission of your validator.",
        discussion: HelpText(
            why: "It counts for rewards from then on, and stays below what was promised at the registration.",
            examples: [("vinculum stake commission 7.5", "7.5 percent")], exits: Stake.exits
        ).text)

    @Argument(help: "Percent of rewards, with up to four decimals.") var percent: String
    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let part = try Percentage.read(percent, "the commission")
        return try await stake.send(.setCommission, output) { _ in CommissionBody(commission: part) }
    }
}

struct StakeUnjail: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "unjail", abstract: "Let your validator stand for election again.",
        discussion: HelpText(
            why: "A validator that proposed nothing for an epoch is left out until its operator says that it works.",
            examples: [("vinculum stake unjail", "after the node runs again")],
            limits: "A validator that signed contradictory votes does not come back.", exits: Stake.exits
        ).text)

    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus { try await stake.send(.unjail, output) { _ in EmptyBody() } }
}

struct StakeReport: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Prove that a validator signed contradictory votes.",
        discussion: HelpText(
            why: """
                Part of the stake behind the votes is lost; a share of it goes to whoever proves it first. Validators'
                nodes report what they see themselves.
                """,
            examples: [("vinculum stake report two-votes.evidence", "two signed votes of one key (DAG-CBOR)")],
            limits: "While the stake behind the votes is bonded or unbonding.", exits: Stake.exits
        ).text)

    @Argument(help: "The file with the evidence.") var file: String
    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let bytes = try readBytes(file, limitBytes: 1 << 16)
        let evidence: Evidence
        do throws(CBORError) { evidence = try Evidence.decode(bytes) } catch {
            throw CommandFailure(.notProven, "\(file) cannot be read: \(error)")
        }
        guard evidence.isProven else {
            throw CommandFailure(.notProven, "\(file): the votes do not contradict each other, or are not signed")
        }
        return try await stake.send(.report, output) { _ in ReportBody(evidence: evidence) }
    }
}
