import Ledger
import Primitives

/// Tokens that a module holds for a purpose: the balance of an account derived from the module and an id. No key signs
/// for it; only the module's rules move it. The functions are for modules, with their own running context.
public enum Escrow {
    /// The account that holds the escrow `id` of `module`.
    public static func account(module: String, id: [UInt8]) -> AccountID { .derived(module: module, id: id) }

    /// Moves `amount` from the sender into the running module's escrow `id`, on top of what it holds.
    @discardableResult
    public static func open(
        id: [UInt8], amount: Amount, _ context: inout ModuleContext
    ) throws(Refusal) -> AccountID {
        guard !amount.isZero else { throw Refusal(.amountIsZero, "an escrow holds an amount above zero") }
        let account = account(module: context.module, id: id)
        try context.transfer(from: context.sender, to: account, amount: amount)
        try context.emit("escrow-open", accounts: [context.sender, account], amount)
        return account
    }

    /// Pays `amount` out of the running module's escrow; refuses what it does not hold.
    public static func pay(
        id: [UInt8], to receiver: AccountID, amount: Amount, _ context: inout ModuleContext
    ) throws(Refusal) {
        guard !amount.isZero else { return }
        let account = account(module: context.module, id: id)
        try context.transfer(from: account, to: receiver, amount: amount)
        try context.emit("escrow-pay", accounts: [account, receiver], amount)
    }

    /// What the running module's escrow holds.
    public static func balance(id: [UInt8], _ context: inout ModuleContext) throws(Refusal) -> Amount {
        try context.balance(of: account(module: context.module, id: id))
    }

    /// Pays all that is left to `receiver`, and returns how much that was.
    @discardableResult
    public static func close(
        id: [UInt8], to receiver: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) -> Amount {
        let rest = try balance(id: id, &context)
        try pay(id: id, to: receiver, amount: rest, &context)
        return rest
    }
}
