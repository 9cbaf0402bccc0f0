/// Why a router does not do what its owner asks: a stable code, a reason for people, and the place.
public struct GossipError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The stable part of the error; programs decide by it.
    public enum Code: String, Hashable, Sendable {
        /// A parameter of the configuration contradicts the specification or another one.
        case invalidParameter
        case topicTooLong, tooManyTopics, dataTooLong
        /// A message of the same id is known already.
        case duplicate
    }

    public let code: Code
    /// One sentence for people.
    public let reason: String
    /// The parameter's name, or the topic.
    public let place: String

    public init(_ code: Code, _ reason: String, at place: String) {
        self.code = code
        self.reason = reason
        self.place = place
    }

    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }

    /// Refuses a parameter unless the condition holds.
    static func check(_ condition: Bool, _ parameter: String, _ reason: String) throws(GossipError) {
        guard condition else { throw GossipError(.invalidParameter, reason, at: parameter) }
    }
}
