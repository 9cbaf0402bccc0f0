import Primitives

/// Why a transaction or a call was refused: the code that receipts carry, and detail for people that is never hashed.
public struct Refusal: Error, Sendable, CustomStringConvertible {
    public let code: ResultCode
    public let detail: String

    public init(_ code: ResultCode, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    public init(code: ResultCode, detail: String) {
        self.code = code
        self.detail = detail
    }

    /// An amount that could not be computed: `amountOverflow` above the range, `insufficientBalance` below zero.
    public init(_ error: AmountError) {
        switch error {
        case .underflow: self.init(.insufficientBalance, "an amount would fall below zero")
        case .overflow: self.init(.amountOverflow, "an amount is above 2^128 - 1 base units")
        case .divisionByZero: self.init(.amountOverflow, "an amount is divided by zero")
        case .invalidText(let text): self.init(.malformed, "no amount: \(text)")
        }
    }

    /// Bytes of a sender that are not what an action expects.
    public init(malformed error: CBORError) { self.init(.malformed, error.description) }

    public var description: String { "refused with code \(code.ledgerName ?? code.description): \(detail)" }
}

extension Amount {
    /// Checked sum as a module wants it: an overflow is a refusal.
    public func plus(_ other: Amount) throws(Refusal) -> Amount {
        do { return try adding(other) } catch { throw Refusal(error) }
    }

    /// Checked difference: a result below zero is a refusal.
    public func minus(_ other: Amount) throws(Refusal) -> Amount {
        do { return try subtracting(other) } catch { throw Refusal(error) }
    }

    /// `self` × `numerator` / `denominator`, rounded down; an overflow or a zero denominator is a refusal.
    public func share(_ numerator: UInt128, of denominator: UInt128) throws(Refusal) -> Amount {
        do { return try multiplied(by: numerator, dividedBy: denominator) } catch { throw Refusal(error) }
    }
}
