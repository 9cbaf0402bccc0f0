import Ledger
import Primitives
import Tokens

/// Stake, who validates with it, what it earns and what it loses. Without a section in the genesis the module does
/// nothing, and the chain keeps the validators of its genesis.
///
/// Tokens that are staked lie in the module's own accounts. Votes count whole tokens, at most once an epoch anew; what
/// is decided at the end of a block holds from the second block after it.
public struct StakingModule: LedgerModule {
    public enum Action: String, CaseIterable, Sendable {
        case register, delegate, relock, unbond, withdraw, collect, report, unjail
        case setCommission = "set_commission"
        case appraise
        case revealAppraisals = "reveal_appraisals"
    }

    /// Positions of one holder that `collect`, and matured entries that `withdraw`, take in one transaction.
    static let entriesPerCall = 64
    /// Bonuses that end at the end of one block; the rest ends with the next one.
    static let bonusEndsPerBlock = 64

    public init() {}

    public var name: String { StakingPaths.module }
    public var actions: [ModuleAction] { Action.allCases.map { ModuleAction($0.rawValue) } }

    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {
        guard section != .null else { return }
        let genesis: StakingGenesis
        do { genesis = try StakingGenesis.decode(section.encoded()) } catch { throw Refusal(malformed: error) }
        try context.save(genesis.parameters, at: StakingPaths.parameters)
        try context.save(EpochState(startMilliseconds: context.block.timeMilliseconds), at: StakingPaths.epochState)
        try context.save(EpochRecord(), at: StakingPaths.epoch(0))
        try TokensModule.sendProposerShare(to: StakingPaths.fees, &context)
        for founder in genesis.founders { try found(founder, genesis.parameters, &context) }
        let members = try Election.hold(genesis.parameters, &context)
        guard try Election.announce(members, genesis.parameters, &context) else {
            throw StakingCode.invalidField.refusal("the founders make no set of validators")
        }
    }

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        guard let action = Action(rawValue: call.action), call.version == 1 else {
            throw Refusal(.unknownAction, "\(call.action) version \(call.version)")
        }
        guard let parameters = try StakingModule.parameters(&context) else {
            throw StakingCode.notEnabled.refusal("the genesis has no section for staking")
        }
        switch action {
        case .register: try register(try call.decode(), parameters, &context)
        case .setCommission: try setCommission(try call.decode(), &context)
        case .delegate: try delegate(try call.decode(), parameters, &context)
        case .relock: try relock(try call.decode(), parameters, &context)
        case .unbond: try unbond(try call.decode(), parameters, &context)
        case .withdraw:
            _ = try call.decode(EmptyBody.self)
            try withdraw(parameters, &context)
        case .collect:
            _ = try call.decode(EmptyBody.self)
            try collect(&context)
        case .report: try report(try call.decode(ReportBody.self).evidence, parameters, &context)
        case .appraise: try appraise(try call.decode(), &context)
        case .revealAppraisals: try reveal(try call.decode(), &context)
        case .unjail:
            _ = try call.decode(EmptyBody.self)
            try unjail(parameters, &context)
        }
    }

    /// Nil where the chain has no staking.
    static func parameters(_ context: inout ModuleContext) throws(Refusal) -> StakingParameters? {
        try context.load(StakingParameters.self, at: StakingPaths.parameters)
    }

    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {
        guard context.block.height > 0, let parameters = try StakingModule.parameters(&context) else { return }
        guard var state = try context.load(EpochState.self, at: StakingPaths.epochState) else {
            throw Refusal(.stateCorrupt, "there is no epoch")
        }
        try shareFees(&state, parameters, &context)
        try endBonuses(&context)
        let now = context.block.timeMilliseconds
        if now >= state.startMilliseconds, now - state.startMilliseconds >= parameters.epochMilliseconds {
            try endEpoch(&state, parameters, &context)
        }
        try context.save(state, at: StakingPaths.epochState)
    }
}

extension StakingModule {
    /// The level of an operator's own stake, for the modules above.
    public static func level(
        of operatorAccount: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) -> StakeLevel {
        guard let parameters = try parameters(&context),
            let record = try context.load(ValidatorRecord.self, at: StakingPaths.validator(operatorAccount))
        else { return .none }
        return parameters.level(of: record.ownStake)
    }
}
