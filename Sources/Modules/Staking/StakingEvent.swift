import Ledger
import Primitives

/// Kinds of events of the Staking module. Payloads are CBOR arrays.
public enum StakingEvent: String, CaseIterable, Sendable {
    /// [key, commission, most commission]; operator
    case registered
    /// [commission]; operator
    case commissionSet = "commission_set"
    /// [amount, term, locked until (ms)]; holder, operator
    case delegated
    /// [from, to, locked until (ms)]; holder, operator
    case relocked
    /// [amount, epoch]; holder, operator
    case unbonding
    /// [amount]; holder
    case withdrawn
    /// [amount]; holder
    case rewarded
    /// [offence, height, slashed, reward of the reporter]; operator, reporter
    case slashed
    /// [until (ms)]; operator: proposed nothing for an epoch
    case jailed
    /// []; operator
    case unjailed
    /// [first height, digest, validators]: another set certifies from that height on
    case validatorsChanged = "validators_changed"

    /// [number of the epoch]; operator: committed itself to scores
    case appraised
    /// [number of the epoch]; operator: has said which
    case appraisalsRevealed = "appraisals_revealed"

    func emit(
        _ accounts: [AccountID], _ context: inout ModuleContext, items count: Int = 0,
        _ items: (inout CBOREncoder) -> Void = { _ in }
    ) throws(Refusal) {
        var encoder = CBOREncoder()
        encoder.array(count: count)
        items(&encoder)
        var once: [AccountID] = []
        for account in accounts where !once.contains(account) { once.append(account) }
        try context.emit(
            Event(module: StakingPaths.module, kind: rawValue, accounts: once, payload: encoder.finish()))
    }
}
