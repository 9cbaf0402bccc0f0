import Ledger
import Primitives

/// Kinds of events of the Consensus module. Payloads are CBOR arrays.
public enum SwapEvent: String, CaseIterable, Sendable {
    /// [height, engine, power in favour, power needed]; who approved. A planned swap is called off where the engine is
    /// empty.
    case approved
    /// [height, engine]; who decided, or was the last to approve
    case planned
    /// [height, engine]; who decided, or was the last to approve: what was planned for that height is off
    case cancelled

    func emit(_ activation: EngineActivation, _ context: inout ModuleContext) throws(Refusal) {
        var encoder = CBOREncoder()
        encoder.array(count: 2)
        encoder.unsigned(activation.height)
        encoder.text(activation.engine)
        try emit(encoder.finish(), &context)
    }

    static func emitApproval(
        _ approval: Approval, power: UInt64, needed: UInt64, _ context: inout ModuleContext
    ) throws(Refusal) {
        var encoder = CBOREncoder()
        encoder.array(count: 4)
        encoder.unsigned(approval.swap?.height ?? 0)
        encoder.text(approval.swap?.engine ?? "")
        encoder.unsigned(power)
        encoder.unsigned(needed)
        try SwapEvent.approved.emit(encoder.finish(), &context)
    }

    private func emit(_ payload: [UInt8], _ context: inout ModuleContext) throws(Refusal) {
        try context.emit(
            Event(module: ConsensusPaths.module, kind: rawValue, accounts: [context.sender], payload: payload))
    }
}
