/// Why a node did not do what it was asked: a code for programs, a sentence for people, what to do, and which field.
/// Only the code counts in equality.
public struct ServiceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Codes are append-only; each has its HTTP status in `httpStatus`.
    public enum Code: String, Sendable, CaseIterable {
        /// The request cannot be understood.
        case malformed
        /// The bearer token is missing or wrong.
        case unauthorised
        case notFound = "not_found"
        /// History before the first kept height was asked for; the message names that height.
        case pruned
        /// The body or an object is over the limit.
        case tooLarge = "too_large"
        /// The bytes do not give the CID.
        case digestMismatch = "digest_mismatch"
        /// The ledger's rules refuse the transaction; `resultCode` says which rule.
        case refused
        /// The pool is full, or too many requests wait.
        case busy
        /// Nothing answered in time.
        case timeout
        /// The node cannot be reached.
        case unreachable
        /// The node is there and cannot serve, e.g. its disk is full.
        case unavailable
        /// The object store has no room.
        case storeFull = "store_full"
        /// The other side broke the protocol.
        case badAnswer = "bad_answer"
        /// The method does not exist for this path.
        case methodNotAllowed = "method_not_allowed"
        /// A fault of the node.
        case `internal`
    }

    public var code: Code
    public var message: String
    /// What the reader can do about it.
    public var hint: String?
    /// The parameter or key that is at fault.
    public var field: String?
    /// The ledger's result code of a refused transaction.
    public var resultCode: Int32?
    /// Of events that were pruned: the number of the first one that is kept. The cursor before it goes on there.
    public var firstKeptSequence: UInt64?

    public init(
        _ code: Code, _ message: String, hint: String? = nil, field: String? = nil, resultCode: Int32? = nil,
        firstKeptSequence: UInt64? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.resultCode = resultCode
        self.firstKeptSequence = firstKeptSequence
    }

    public static func == (left: ServiceError, right: ServiceError) -> Bool {
        left.code == right.code && left.resultCode == right.resultCode
    }

    public var httpStatus: Int {
        switch code {
        case .malformed, .digestMismatch: 400
        case .unauthorised: 401
        case .notFound: 404
        case .methodNotAllowed: 405
        case .pruned: 410
        case .tooLarge: 413
        case .refused: 422
        case .busy: 429
        case .internal, .badAnswer: 500
        case .unavailable, .unreachable: 503
        case .timeout: 504
        case .storeFull: 507
        }
    }

    public var description: String {
        var text = "\(message) [\(code.rawValue)]"
        if let resultCode { text += ", ledger code \(resultCode)" }
        if let field { text += ", field \(field)" }
        if let hint { text += "; \(hint)" }
        return text
    }
}
