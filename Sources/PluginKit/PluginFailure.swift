public import CVinculum

/// Why a call of a plugin fails: a status of the interface (or an own code from 1000 on) and one sentence.
///
/// The glue reports the sentence to the host and answers the status. The sentence never holds data of a data owner.
public struct PluginFailure: Error, Sendable, Hashable {
    public let status: vin_status
    public let message: String

    public init(_ status: Status, _ message: String) {
        self.status = status.rawValue
        self.message = message
    }

    /// A code of the plugin's own; it is documented by the plugin and is 1000 or more.
    public init(ownCode: vin_status, _ message: String) {
        self.status = ownCode >= 1000 ? ownCode : Status.internalError.rawValue
        self.message = message
    }

    /// The statuses of `base.h`.
    public enum Status: vin_status, Sendable {
        case invalid = 1
        case state = 2
        case unsupported = 3
        case limit = 4
        case refused = 5
        case inputOutput = 6
        case memory = 7
        case notFound = 8
        case timeout = 9
        case conflict = 10
        case unavailable = 11
        case internalError = 12
    }
}
