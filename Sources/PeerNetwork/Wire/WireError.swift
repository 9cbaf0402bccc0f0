/// Why a connection, a stream or a step of setting one up ended: a stable code, a reason for people, and the place.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The stable part; programs decide by it.
    public enum Code: String, Hashable, Sendable {
        /// Bytes that the protocol does not allow.
        case malformed
        /// A frame, a message or a list longer than its limit.
        case tooLong
        /// A key, a signature or a tag that does not hold.
        case notAuthentic
        /// Somebody else answered than the peer that was dialled.
        case wrongPeer
        /// A cipher's counter is used up.
        case nonceExhausted
        /// The peer speaks none of the protocols asked for.
        case unsupportedProtocol
        /// The peer sent more than it had been allowed to.
        case flowControl
        /// More connections, streams or bytes than the configuration permits.
        case limit
        /// The peer makes this node hold more bytes than a peer may.
        case memory
        /// The peer does not read what it is sent.
        case stalled
        /// A deadline passed.
        case timeout
        /// The other side ended it without further words.
        case closed
        /// The other side or this one broke it off.
        case reset
        /// The gate, or a rule of this node, said no.
        case refused
        /// No address of the peer answered, or it has none.
        case unreachable
        /// The operating system reported an error.
        case system
        /// This node is shutting down, or was asked to disconnect.
        case shutdown
        /// The task that waited was cancelled.
        case cancelled
        /// A call that does not fit the state of the object: two readers of one stream, a write after the end.
        case misuse
    }

    public let code: Code
    /// One sentence for people; programs do not compare it.
    public let reason: String
    /// Where: `"noise"`, `"yamux stream 3"`.
    public let place: String

    public init(_ code: Code, _ reason: String, at place: String) {
        self.code = code
        self.reason = reason
        self.place = place
    }

    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }
}
