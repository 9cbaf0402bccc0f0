import Ledger
import Primitives

extension CBORDecoder {
    /// A case of an enumeration by its number.
    mutating func choice<Choice: RawRepresentable>() throws(CBORError) -> Choice where Choice.RawValue == UInt8 {
        let number = try unsigned(as: UInt8.self)
        guard let choice = Choice(rawValue: number) else { throw invalid("\(number) is no \(Choice.self)") }
        return choice
    }

    mutating func number() throws(CBORError) -> UInt32 { try unsigned(as: UInt32.self) }
}

/// Amounts of one computation; an overflow is refused by name.
func exact(_ compute: () throws(AmountError) -> Amount) throws(Refusal) -> Amount {
    do { return try compute() } catch { throw MarketCode.amountOverflow.refusal("\(error)") }
}
