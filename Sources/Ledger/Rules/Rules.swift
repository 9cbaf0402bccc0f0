import Primitives

/// The modules that a binary carries, in the order in which they may use one another. Immutable; the rules of a chain.
public struct Rules: Sendable {
    public let modules: [any LedgerModule]
    private let indexOfName: [String: Int]
    private let versions: [[String: ClosedRange<UInt32>]]

    public init(_ modules: [any LedgerModule]) {
        self.modules = modules
        indexOfName = Dictionary(
            modules.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
        versions = modules.map { module in
            Dictionary(module.actions.map { ($0.name, $0.versions) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// The module of that name, when it has the action in that version.
    func module(_ name: String, for call: ActionCall) throws(Refusal) -> any LedgerModule {
        guard let index = indexOfName[name] else { throw Refusal(.unknownModule, "there is no module \(name)") }
        guard let known = versions[index][call.action], known.contains(call.version) else {
            throw Refusal(.unknownAction, "\(name) has no action \(call.action) in version \(call.version)")
        }
        return modules[index]
    }
}
