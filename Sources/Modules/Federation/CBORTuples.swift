import Primitives

extension CBORDecoder {
    /// A case of an enumeration by its number.
    mutating func choice<Choice: RawRepresentable>() throws(CBORError) -> Choice
    where Choice.RawValue: UnsignedInteger & FixedWidthInteger {
        let number = try unsigned(as: Choice.RawValue.self)
        guard let choice = Choice(rawValue: number) else { throw invalid("\(number) is no \(Choice.self)") }
        return choice
    }

    mutating func number() throws(CBORError) -> UInt32 { try unsigned(as: UInt32.self) }

    /// A text of at most so many bytes.
    mutating func text(atMost limit: Int) throws(CBORError) -> String {
        let text = try text()
        guard text.utf8.count <= limit else { throw invalid("a text of more than \(limit) bytes") }
        return text
    }
}

func bigEndianBytes(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}
