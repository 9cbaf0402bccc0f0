import Ledger
import Primitives

/// The native token: transfers, fees and where they go, the supply and multi-signature accounts. Balances themselves
/// are the ledger's, in the account leaves.
public struct TokensModule: LedgerModule {
    public static let name = "tokens"

    public init() {}

    public var name: String { TokensModule.name }

    public var actions: [ModuleAction] {
        [
            ModuleAction("transfer"), ModuleAction("transfer-batch"), ModuleAction("burn"),
            ModuleAction("open-multisignature"), ModuleAction("rotate-authorisation"),
        ]
    }

    static let parametersPath = Array("m/tokens/parameters".utf8)
    static let supplyPath = Array("m/tokens/supply".utf8)

    // MARK: Genesis

    /// Reads the section of the genesis: parameters and first balances.
    public func genesis(_ section: CBORValue, _ context: inout ModuleContext) throws(Refusal) {
        var genesis = try TokensGenesis()
        if section != .null {
            do { genesis = try TokensGenesis.decode(section.encoded()) } catch { throw Refusal(malformed: error) }
        }
        try context.put(TokensModule.parametersPath, genesis.parameters)
        var supply = SupplyCounters()
        for allocation in genesis.allocations {
            try context.mint(to: allocation.to, amount: allocation.amount)
            supply.minted = try supply.minted.plus(allocation.amount)
        }
        try context.put(TokensModule.supplyPath, supply)
    }

    // MARK: Actions

    public func execute(_ call: ActionCall, _ context: inout ModuleContext) throws(Refusal) {
        switch call.action {
        case "transfer": try transfer(try call.decode(), &context)
        case "transfer-batch":
            let batch = try call.decode(TransferBatch.self)
            guard !batch.transfers.isEmpty else { throw Refusal(.batchSize, "the batch has no transfers") }
            for transfer in batch.transfers { try self.transfer(transfer, &context) }
        case "burn":
            let order = try call.decode(BurnOrder.self)
            try requireAboveZero(order.amount)
            try context.burn(from: context.sender, amount: order.amount)
            try TokensModule.countBurned(order.amount, &context)
            try context.emit("burn", accounts: [context.sender], order.amount)
        case "open-multisignature": try openMultiSignature(try call.decode(), &context)
        case "rotate-authorisation": try rotate(try call.decode(), &context)
        default: throw Refusal(.unknownAction, call.action)
        }
    }

    private func transfer(_ transfer: Transfer, _ context: inout ModuleContext) throws(Refusal) {
        try requireAboveZero(transfer.amount)
        // Its module pays out what came by the module's own actions: the rest would lie there for good.
        guard transfer.to.kind != .derived else {
            throw Refusal(
                .accountHasNoKeys, "\(transfer.to) belongs to a module, which takes tokens by its own actions")
        }
        try context.transfer(from: context.sender, to: transfer.to, amount: transfer.amount)
        try context.emit("transfer", accounts: [context.sender, transfer.to], transfer.amount)
    }

    private func requireAboveZero(_ amount: Amount) throws(Refusal) {
        guard !amount.isZero else { throw Refusal(.amountIsZero, "an amount above zero is needed") }
    }

    /// Writes the first record of a multi-signature account, which its id is the digest of; anyone may.
    private func openMultiSignature(
        _ authorisation: Authorisation, _ context: inout ModuleContext
    ) throws(Refusal) {
        let id = authorisation.accountID
        guard try context.account(id).authorisation == nil else {
            throw Refusal(.wrongAuthorisation, "\(id) is open already")
        }
        try context.setAuthorisation(authorisation, of: id)
        try context.emit("open-multisignature", accounts: [id], authorisation)
    }

    /// Replaces the sender's record; what signs from now on is what it says.
    private func rotate(_ authorisation: Authorisation, _ context: inout ModuleContext) throws(Refusal) {
        guard context.sender.kind != .derived else {
            throw Refusal(.accountHasNoKeys, "a derived account has no keys to rotate")
        }
        try context.setAuthorisation(authorisation, of: context.sender)
        try context.emit("rotate-authorisation", accounts: [context.sender], authorisation)
    }

    // MARK: End of a block

    /// Shares the block's fees out: burned, to the proposer, to the treasury.
    public func endBlock(_ context: inout ModuleContext) throws(Refusal) {
        let fees = try context.takeCollectedFees()
        guard !fees.isZero else { return }
        guard let parameters = try context.record(TokensParameters.self, at: TokensModule.parametersPath) else {
            throw Refusal(.stateCorrupt, "the parameters of tokens are missing")
        }
        let whole = UInt128(TokensParameters.whole)
        let burned = try fees.share(UInt128(parameters.burnShare), of: whole)
        let treasury = try fees.share(UInt128(parameters.treasuryShare), of: whole)
        let proposer = try fees.minus(burned).minus(treasury)
        if !treasury.isZero { try context.credit(parameters.treasury, amount: treasury) }
        let account =
            try context.record(AccountID.self, at: TokensModule.proposerSharePath) ?? context.block.proposer
        if !proposer.isZero { try context.credit(account, amount: proposer) }
        if !burned.isZero { try TokensModule.countBurned(burned, &context) }
    }

    static func countBurned(_ amount: Amount, _ context: inout ModuleContext) throws(Refusal) {
        guard var supply = try context.record(SupplyCounters.self, at: supplyPath) else {
            throw Refusal(.stateCorrupt, "the supply counters are missing")
        }
        supply.burned = try supply.burned.plus(amount)
        try context.put(supplyPath, supply)
    }
}
