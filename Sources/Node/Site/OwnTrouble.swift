import Federation
import PluginHost
import Primitives
import Privacy
import TaskRunner
import Training

/// Why a site cannot do its own work, in the words of the ledger's list: what others may know of it.
struct OwnTrouble: Hashable, Sendable {
    let reason: SiteReason
    /// Trying again cannot help.
    let isPermanent: Bool

    /// Nil where the error is not about the site's own work, such as a transaction that was refused.
    init?(_ error: any Error) {
        switch error {
        case let error as UnusableTerms: self.init(Self.reason(of: error), isPermanent: true)
        case is TrainingError: self.init(.modelNotAllowed, isPermanent: true)
        case is CostRose: self.init(.mechanismNotAllowed, isPermanent: true)
        case is PluginError: self.init(.mechanismNotAllowed, isPermanent: false)
        case is TaskFailed: self.init(.resourcesUnavailable, isPermanent: false)
        case let error as FileError:
            self.init(error.operation == "open" ? .dataUnavailable : .resourcesUnavailable, isPermanent: false)
        case is ObjectStoreError: self.init(.resourcesUnavailable, isPermanent: false)
        case let error as SpendingLogError:
            if case .file = error {
                self.init(.resourcesUnavailable, isPermanent: false)
            } else {
                self.init(.localBudgetExhausted, isPermanent: true)
            }
        case is LightClientError, is ServiceError: self.init(.modelUnavailable, isPermanent: false)
        default: return nil
        }
    }

    private init(_ reason: SiteReason, isPermanent: Bool) {
        self.reason = reason
        self.isPermanent = isPermanent
    }

    private static func reason(of error: UnusableTerms) -> SiteReason {
        switch error.field {
        case "guarantee.unit", "guarantee.relation": .unitMismatch
        case TrainingTerms.sensitivityName: .guaranteeTooWeak
        case "model_descriptor": .modelNotAllowed
        case "aggregation", TrainingTerms.learningRateName, TrainingTerms.momentumName: .aggregationNotAllowed
        default: .mechanismNotAllowed
        }
    }
}

/// The work asks for more than its plan said: nothing of it leaves.
struct CostRose: Error, Hashable, Sendable, CustomStringConvertible {
    let round: UInt32

    var description: String { "the update of round \(round) costs more than its plan said" }
}
