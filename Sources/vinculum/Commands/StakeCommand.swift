import ArgumentParser
import Ledger
import Node
import NodeAPI
import Primitives
import Staking

struct Stake: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stake", abstract: "Stake tokens, validate with them, and see what they earn.",
        discussion: HelpText(
            why: """
                Validators are elected by stake, once an epoch. Whoever has no node delegates to one that has, and
                shares its rewards and its risk.
                """,
            examples: [
                ("vinculum stake validators", "who there is to delegate to"),
                ("vinculum stake delegate did:key:z… 500 --term year", "for a year, at +50 % of rewards"),
                ("vinculum stake show", "what is staked, what it has earned, what is on its way back"),
            ],
            limits: "On chains whose genesis has staking; `vinculum init --stake` makes one.",
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text,
        subcommands: [
            StakeShow.self, StakeValidators.self, StakeDelegate.self, StakeRelock.self, StakeUnbond.self,
            StakeWithdraw.self, StakeCollect.self, StakeRegister.self, StakeCommission.self, StakeUnjail.self,
            StakeReport.self,
        ])

    static let exits = ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
}

extension LockTerm: ExpressibleByArgument {
    public init?(argument: String) {
        guard let term = Self.allCases.first(where: { $0.name == argument }) else { return nil }
        self = term
    }

    public var defaultValueDescription: String { name }
    public static var allValueStrings: [String] { allCases.map(\.name) }

    /// As it is written and shown.
    var name: String {
        switch self {
        case .month: "month"
        case .halfYear: "half-year"
        case .year: "year"
        }
    }
}

extension CallOptions {
    /// Signs a call, sends it and waits for the decision. The body may depend on the chain.
    func send(
        _ action: StakingModule.Action, _ output: OutputOptions, _ body: (CID) throws -> some CBORCodable
    ) async throws -> ExitStatus {
        try await send(StakingPaths.module, action.rawValue, output) { chain, _ in try body(chain) }
    }
}

struct StakeDelegate: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "delegate", abstract: "Stake tokens with a validator, or more of your own.",
        discussion: HelpText(
            why: """
                The stake earns its share of what the validator earns, less its commission. If the validator signs
                contradictory votes, part of the stake is lost with it.
                """,
            examples: [
                ("vinculum stake delegate did:key:z… 500", "for 30 days, the least"),
                ("vinculum stake delegate main 5000 --term half-year", "own stake of the validator of the key 'main'"),
            ],
            limits: "With more stake for the same term the lock-up of all of it begins anew.", exits: Stake.exits
        ).text)

    @Argument(help: "The validator's account, or the name of a key in the folder.") var validator: String
    @Argument(help: "How many tokens, with up to 18 decimals.") var amount: String
    @Option(help: "How long it is locked: month (30 days), half-year (+20 % of rewards) or year (+50 %).")
    var term = LockTerm.month
    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let tokens = try CallOptions.amount(amount)
        let account = try stake.store.account(validator)
        return try await stake.send(.delegate, output) { _ in
            DelegateBody(validator: account, amount: tokens, term: term)
        }
    }
}

struct StakeRelock: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "relock", abstract: "Lock stake anew, for the same term or a longer one.",
        discussion: HelpText(
            why: "A bonus ends with the lock-up that it is for; locked anew, the stake earns it again.",
            examples: [
                ("vinculum stake relock did:key:z… --term year", "another year"),
                ("vinculum stake relock did:key:z… --term month --to year", "from a month to a year"),
            ], exits: Stake.exits
        ).text)

    @Argument(help: "The validator's account, or the name of a key in the folder.") var validator: String
    @Option(help: "The term for which the stake was locked.") var term = LockTerm.month
    @Option(help: "The new term (the same if left out).") var to: LockTerm?
    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let account = try stake.store.account(validator)
        return try await stake.send(.relock, output) { _ in RelockBody(validator: account, from: term, to: to ?? term) }
    }
}

struct StakeUnbond: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "unbond", abstract: "Take stake back from a validator.",
        discussion: HelpText(
            why: """
                The stake stops earning at once, and is paid out by `vinculum stake withdraw` after the chain's time of
                unbonding. Until then it answers for what the validator signed while it was bonded.
                """,
            examples: [
                ("vinculum stake unbond did:key:z… 200", "a part"),
                ("vinculum stake unbond did:key:z… --term year", "all that was locked for a year"),
            ],
            limits: "Not before its lock-up has ended, unless the validator was barred for good.", exits: Stake.exits
        ).text)

    @Argument(help: "The validator's account, or the name of a key in the folder.") var validator: String
    @Argument(help: "How many tokens (all of the term if left out).") var amount: String?
    @Option(help: "The term for which the stake was locked.") var term = LockTerm.month
    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let tokens = try amount.map { try CallOptions.amount($0) }
        let account = try stake.store.account(validator)
        return try await stake.send(.unbond, output) { _ in UnbondBody(validator: account, term: term, amount: tokens) }
    }
}

struct StakeWithdraw: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Get stake paid out that has finished unbonding.",
        discussion: HelpText(
            why: "`vinculum stake show` says what has finished and when the rest will have.",
            examples: [("vinculum stake withdraw", "all of it")], exits: Stake.exits
        ).text)

    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus { try await stake.send(.withdraw, output) { _ in EmptyBody() } }
}

struct StakeCollect: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Get rewards paid out, and an operator's commission.",
        discussion: HelpText(
            why: "Rewards are shared as they come; this moves them to the account.",
            examples: [("vinculum stake collect", "of all positions")],
            limits: "Positions are collected too whenever their stake changes.", exits: Stake.exits
        ).text)

    @OptionGroup var stake: CallOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus { try await stake.send(.collect, output) { _ in EmptyBody() } }
}
