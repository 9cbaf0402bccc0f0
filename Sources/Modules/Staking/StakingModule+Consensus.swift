import Ledger

/// For the module that changes engines: what elections give to an engine, and what an engine asks of them.
extension StakingModule {
    /// What power makes a certificate; nil where the chain has no staking.
    public static func quorumRule(_ context: inout ModuleContext) throws(Refusal) -> QuorumRule? {
        try parameters(&context)?.quorumRule
    }

    /// Who validates in this epoch; nobody where the chain has no staking.
    public static func members(_ context: inout ModuleContext) throws(Refusal) -> [ActiveSet.Member] {
        try context.load(ActiveSet.self, at: StakingPaths.activeSet)?.members ?? []
    }

    /// What makes power, from the next epoch on.
    public static func setPowerRule(_ rule: PowerRule, _ context: inout ModuleContext) throws(Refusal) {
        guard var parameters = try parameters(&context), parameters.powerRule != rule else { return }
        parameters.powerRule = rule
        try context.save(parameters, at: StakingPaths.parameters)
    }
}
