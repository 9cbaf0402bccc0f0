/// Why training, a file of weights or an update was refused.
///
/// `code` is stable and is what programs compare; `reason` and `place` are for people. Two errors are equal when their
/// codes are.
public struct TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// A file could not be opened, read or written.
        case fileUnavailable = "file_unavailable"
        /// Fewer bytes than the format promises.
        case truncated
        /// A header longer than the limit, before any of it is read.
        case headerTooLarge = "header_too_large"
        /// A header that is not the format's JSON, or a task file that is not lines of `key = value`.
        case malformed
        case notUTF8 = "not_utf8"
        case duplicateKey = "duplicate_key"
        case unknownKey = "unknown_key"
        case missing
        /// A number format that this build does not hold.
        case unsupportedType = "unsupported_type"
        /// Offsets that do not match shape and number format.
        case sizeMismatch = "size_mismatch"
        /// Two tensors share bytes.
        case overlap
        /// Bytes that no tensor owns.
        case hole
        case trailingBytes = "trailing_bytes"
        case tooLarge = "too_large"
        case wrongShape = "wrong_shape"
        case notFinite = "not_finite"
        case emptyClient = "empty_client"
        case labelOutOfRange = "label_out_of_range"
        case overflow
        /// A parameter outside the range that it makes sense in.
        case badParameter = "bad_parameter"
    }

    public let code: Code
    public let reason: String
    /// The file, tensor, key or member that it is about.
    public let place: String

    public init(_ code: Code, _ reason: String, at place: String) {
        self.code = code
        self.reason = reason
        self.place = place
    }

    public static func == (left: TrainingError, right: TrainingError) -> Bool { left.code == right.code }
    public func hash(into hasher: inout Hasher) { hasher.combine(code) }
    public var description: String { "\(place): \(reason) [\(code.rawValue)]" }
}
