import ArgumentParser
import Consensus
import Ledger
import Primitives
import Staking
import Tokens

/// What `vinculum init` makes the genesis of a new chain from.
struct NewChain {
    var name: String
    var consensus: ChainConsensus
    /// Nil: the engine's own.
    var blockInterval: UInt16?
    var supply: Amount
    /// What each validator has at stake; nil for a chain without staking.
    var stake: Amount?
    /// Has all tokens, and is the operator of the node's own validator.
    var owner: AccountID
    var key: PublicKey
    /// Validators of other operators: each is the operator's account too, and gets what it has at stake.
    var others: [PublicKey]
    /// Nil: the engine stays.
    var swap: SwapRule?

    func genesis(timeMilliseconds: UInt64) throws -> Genesis {
        var allocations = [Transfer(to: owner, amount: supply)]
        if let stake { allocations += others.map { Transfer(to: AccountID($0), amount: stake) } }
        var sections = CBORMap()
        sections[TokensModule.name] = try TokensGenesis(allocations: allocations).section()
        var parameters = LedgerParameters()
        let validators: ValidatorSet
        if let staking {
            guard let elected = staking.validators() else {
                throw ValidationError("--stake takes at least \(staking.parameters.levels[1]) tokens")
            }
            validators = elected
            // The engine knows one validator.
            if consensus == .solo { parameters.validatorLimit = 1 }
            sections[StakingPaths.module] = try staking.section()
        } else {
            validators = try consensus.validators([key] + others)
        }
        if let swap { sections[ConsensusPaths.module] = try engines(swap).section() }
        return Genesis(
            name: name, timeMilliseconds: timeMilliseconds, engine: consensus.engine,
            engineParameters: consensus.parameters(blockInterval: blockInterval), validators: validators,
            parameters: parameters, sections: sections)
    }

    /// Who may change to which engines. Where stake elects, one validator alone is nobody's choice.
    private func engines(_ rule: SwapRule) -> ConsensusGenesis {
        ConsensusGenesis(
            operators: rule == .operator ? [owner] : [],
            engines: ChainConsensus.allCases.filter { stake == nil || $0 != .solo }.map(\.allowed),
            validators: stake == nil ? ([key] + others).map { ValidatorSet.Validator(key: $0) } : [])
    }

    private var staking: StakingGenesis? {
        guard let stake else { return nil }
        var parameters = consensus == .solo ? StakingParameters.solo : StakingParameters()
        if consensus == .poc { parameters.powerRule = .contribution }
        let founders = [(owner, key)] + others.map { (AccountID($0), $0) }
        return StakingGenesis(
            parameters: parameters,
            founders: founders.map { account, key in
                Founder(
                    operatorAccount: account, key: key, maximumCommission: Founder.usualMostCommission, stake: stake)
            })
    }
}
