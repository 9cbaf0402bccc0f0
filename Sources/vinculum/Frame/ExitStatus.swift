/// What the program's exit code means. Numbers are never used again for something else.
enum ExitStatus: Int32, CaseIterable {
    case ok = 0
    case failed = 1
    case usage = 2
    case configuration = 64
    case refused = 65
    case unreachable = 66
    case timeout = 67
    case notFound = 68
    case notProven = 69
    case exists = 70
    case aborted = 71
    case found = 72

    /// What every command that asks a node may end with.
    static let ofNode: [ExitStatus] = [.ok, .failed, .usage, .configuration, .unreachable]

    var meaning: String {
        switch self {
        case .ok: "done; for status and doctor: healthy"
        case .failed: "failed; for status and doctor: not healthy"
        case .usage: "the command line is wrong"
        case .configuration: "a configuration, policy, job or manifest file is not valid"
        case .refused: "the ledger refused the transaction"
        case .unreachable: "no node answers"
        case .timeout: "it did not happen in time"
        case .notFound: "there is no such thing"
        case .notProven: "a proof, a signature or a digest does not hold"
        case .exists: "it exists already and was not overwritten"
        case .aborted: "the job ended before its time: it was aborted"
        case .found: "a simulation has found a broken rule"
        }
    }
}
