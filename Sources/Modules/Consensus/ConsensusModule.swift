import Ledger
import Primitives
import Staking

/// Which engine orders a chain's blocks, changed at a height while the chain runs: state, history and accounts go on.
///
/// Operators whom the genesis names decide alone, as on a staging network; where it names none, validators with as much
/// power as certifies a block do, each by sending the same swap. Without a section in the genesis the module does
/// nothing, and the chain keeps its engine.
public struct ConsensusModule: LedgerModule {
    public enum Action: String, CaseIterable, Sendable {
        case swap, cancel
    }

    /// A swap is at most so many blocks ahead.
    static let furthest: UInt64 = 1 << 32

    public init() {}

    public var name: String { ConsensusPaths.module }
    public var actions: [ModuleAction] { Action.allCases.map { ModuleAction($0.rawValue) } }

    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {
        guard section != .null else { return }
        let genesis: ConsensusGenesis
        do { genesis = try ConsensusGenesis.decode(section.encoded()) } catch { throw Refusal(malformed: error) }
        let isStaked = try StakingModule.quorumRule(&context) != nil
        guard Set(genesis.engines.map(\.engine)).count == genesis.engines.count, !genesis.engines.isEmpty else {
            throw ConsensusCode.invalidField.refusal("engines: one or more, none twice")
        }
        guard isStaked == genesis.validators.isEmpty else {
            throw ConsensusCode.invalidField.refusal(
                isStaked
                    ? "validators: stake elects them" : "validators: those of the engines that have several are needed")
        }
        for engine in genesis.engines where !isStaked {
            guard genesis.set(under: engine.quorum, leader: genesis.validators.first?.key) != nil else {
                throw ConsensusCode.invalidField.refusal("validators: make no set for \(engine.engine)")
            }
        }
        try context.save(genesis, at: ConsensusPaths.rules)
    }

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        guard let action = Action(rawValue: call.action), call.version == 1 else {
            throw Refusal(.unknownAction, "\(call.action) version \(call.version)")
        }
        guard let rules = try context.load(ConsensusGenesis.self, at: ConsensusPaths.rules) else {
            throw ConsensusCode.notEnabled.refusal("the genesis has no section for consensus: the engine stays")
        }
        switch action {
        case .swap:
            let swap = try call.decode(SwapBody.self)
            let activation = try activation(of: swap, rules, &context)
            guard try isDecided(Approval(swap: swap), rules, &context) else { return }
            try context.scheduleEngine(activation)
            try SwapEvent.planned.emit(activation, &context)
        case .cancel:
            _ = try call.decode(CancelBody.self)
            guard let planned = try openPlan(&context) else {
                throw ConsensusCode.nothingPlanned.refusal("no swap is planned that could still be called off")
            }
            guard try isDecided(Approval(swap: nil), rules, &context) else { return }
            try context.scheduleEngine(nil)
            try SwapEvent.cancelled.emit(planned, &context)
        }
    }

    /// Where stake makes power, it counts as the engine of the next height wants it from the next epoch on.
    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {
        let next = context.block.height + 1
        guard let activation = try context.engineSchedule().engine(at: next), activation.height == next,
            activation.validators == nil,
            let engine = try context.load(ConsensusGenesis.self, at: ConsensusPaths.rules)?.engine(activation.engine)
        else { return }
        try StakingModule.setPowerRule(engine.isByContribution ? .contribution : .stake, &context)
    }

    // MARK: What may be decided

    /// What a swap leads to, if everything about it is as it has to be.
    private func activation(
        of swap: SwapBody, _ rules: ConsensusGenesis, _ context: inout ModuleContext
    ) throws(Refusal) -> EngineActivation {
        if let fault = swap.fault { throw ConsensusCode.invalidField.refusal("parameters: \(fault)") }
        guard let engine = rules.engine(swap.engine) else {
            let names = rules.engines.map(\.engine).joined(separator: ", ")
            throw ConsensusCode.engineUnknown.refusal("\(swap.engine): the chain allows \(names)")
        }
        let least = context.block.height + ValidatorSchedule.delay
        guard swap.height >= least, swap.height - least <= ConsensusModule.furthest else {
            throw ConsensusCode.heightOutOfRange.refusal("height \(swap.height): \(least) is the first that can be had")
        }
        let activation = EngineActivation(
            height: swap.height, engine: swap.engine, parameters: swap.parameters,
            validators: try validators(under: engine, leader: swap.leader, rules, &context))
        if let before = try context.engineSchedule().engine(at: least - 1), before.engine == activation.engine,
            before.parameters == activation.parameters, before.validators == activation.validators
        {
            throw ConsensusCode.unchanged.refusal("\(swap.engine) is in charge already")
        }
        return activation
    }

    /// The set that comes with an engine; nil where stake elects it.
    private func validators(
        under engine: AllowedEngine, leader: PublicKey?, _ rules: ConsensusGenesis, _ context: inout ModuleContext
    ) throws(Refusal) -> ValidatorSet? {
        if let quorum = try StakingModule.quorumRule(&context) {
            guard leader == nil else { throw ConsensusCode.leaderInvalid.refusal("stake elects the validators") }
            guard engine.quorum != .one, engine.quorum == .majority || quorum == .twoThirds else {
                throw ConsensusCode.quorumMismatch.refusal(
                    "\(engine.engine) asks for another quorum than the chain's elections make")
            }
            return nil
        }
        let isMember = leader.map { leader in rules.validators.contains { $0.key == leader } }
        guard isMember ?? true, (isMember == nil) == (engine.quorum != .one) else {
            throw ConsensusCode.leaderInvalid.refusal(
                engine.quorum == .one
                    ? "\(engine.engine) has one validator: name one of the chain's" : "\(engine.engine) has no leader")
        }
        guard let set = rules.set(under: engine.quorum, leader: leader) else {
            throw Refusal(.stateCorrupt, "the chain's validators make no set")
        }
        return set
    }

    /// What is planned and can still be replaced.
    private func openPlan(_ context: inout ModuleContext) throws(Refusal) -> EngineActivation? {
        try context.engineSchedule().next(after: context.block.height + ValidatorSchedule.delay - 1)
    }

    // MARK: Who decides

    /// Whether the sender decides, alone or as the last one that was missing. Notes the approval of a validator.
    private func isDecided(
        _ approval: Approval, _ rules: ConsensusGenesis, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        if !rules.operators.isEmpty {
            guard rules.operators.contains(context.sender) else {
                throw ConsensusCode.notAllowed.refusal("only the operators of this chain decide on its engine")
            }
            return true
        }
        let voters = try Voters(rules, &context)
        guard let voter = voters.member(context.sender) else {
            throw ConsensusCode.notAllowed.refusal("only validators of this chain decide on its engine")
        }
        try context.save(approval, at: ConsensusPaths.approval(voter.key))
        let inFavour = try voters.power(of: approval, &context)
        try SwapEvent.emitApproval(approval, power: inFavour, needed: voters.threshold, &context)
        guard inFavour >= voters.threshold else { return false }
        for member in voters.members { try context.remove(at: ConsensusPaths.approval(member.key)) }
        return true
    }
}
