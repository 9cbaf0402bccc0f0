/// Why a text or a byte string is not what it should be: a stable code, a reason for people, and the place.
public struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The stable part of the error; programs decide by it.
    public enum Code: String, Hashable, Sendable {
        case wrongLength, wrongPrefix, invalidCharacter, nonCanonical, unsupported, truncated, trailingBytes, tooLong
        case outOfRange
    }

    public let code: Code
    /// One sentence for people; never hashed, never compared by programs.
    public let reason: String
    /// The format, and where in it: `"base32, character 7"`.
    public let place: String

    public init(_ code: Code, _ reason: String, at place: String) {
        self.code = code
        self.reason = reason
        self.place = place
    }

    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }
}
