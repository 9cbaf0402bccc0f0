/// Why bytes are not the canonical DAG-CBOR that was expected: a stable code, a reason for people, and the offset.
public struct CBORError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The bytes end inside an item, or a count or length exceeds what is left.
        case truncated
        /// Bytes follow the item.
        case trailingBytes
        /// An integer, length or count is not in its shortest form.
        case notShortest
        /// An indefinite length or a reserved additional value, which DAG-CBOR does not know.
        case notDefinite
        /// An item of another type than the one that was asked for.
        case unexpectedType
        /// A tag other than 42, or a simple value other than false, true and null.
        case unsupported
        case invalidUTF8
        case keyNotText
        /// Keys are not ordered by length and then by bytes, or one repeats.
        case keysOutOfOrder
        case nestingTooDeep
        case invalidLink
        /// NaN or infinity, or a float that is not 64 bits wide.
        case invalidFloat
        /// The integer does not fit the type that was asked for.
        case outOfRange
        /// The array, map or byte string has another length than the record.
        case wrongCount
        /// The item is well formed, but no value of the type.
        case invalidValue
    }

    public let code: Code
    public let reason: String
    /// Bytes from the start of what was given to the decoder.
    public let offset: Int

    public init(_ code: Code, _ reason: String, at offset: Int) {
        self.code = code
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "DAG-CBOR, byte \(offset): \(reason) [\(code.rawValue)]" }
}

/// The types of items.
public enum CBORKind: Hashable, Sendable {
    case unsigned, negative, bytes, text, array, map, link, bool, null, float
}
