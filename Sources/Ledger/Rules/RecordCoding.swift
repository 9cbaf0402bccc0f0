import Primitives

/// What records and bodies of modules are written with, beside what `Primitives` has.
extension CBORDecoder {
    /// A case of an enumeration by its number.
    public mutating func choice<Choice: RawRepresentable>() throws(CBORError) -> Choice
    where Choice.RawValue: UnsignedInteger & FixedWidthInteger {
        let number = try unsigned(as: Choice.RawValue.self)
        guard let choice = Choice(rawValue: number) else { throw invalid("\(number) is no \(Choice.self)") }
        return choice
    }

    /// A number of 32 bits: counts, rounds, codes.
    public mutating func number() throws(CBORError) -> UInt32 { try unsigned(as: UInt32.self) }

    /// A text of at most so many bytes.
    public mutating func text(atMost limit: Int) throws(CBORError) -> String {
        let text = try text()
        guard text.utf8.count <= limit else { throw invalid("a text of more than \(limit) bytes") }
        return text
    }
}

extension CBORDecoder {
    /// A name of visible ASCII characters, at most so many bytes. Names are compared: other texts are equal in Swift in
    /// more than one spelling, and another implementation would compare their bytes.
    public mutating func name(atMost limit: Int) throws(CBORError) -> String {
        let text = try text(atMost: limit)
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw invalid("a name of other than visible ASCII characters")
        }
        return text
    }
}

/// A module's reasons to refuse, by number: append-only result codes of receipts.
public protocol ModuleCode: RawRepresentable, CaseIterable, Sendable where RawValue == Int32 {}

extension ModuleCode {
    public var code: ResultCode { ResultCode(rawValue: rawValue) }

    /// The refusal with this code; `detail` is for people and never hashed.
    public func refusal(_ detail: String) -> Refusal { Refusal(code: code, detail: detail) }

    /// An amount of one computation; an overflow is refused with this code.
    public func exact(_ compute: () throws(AmountError) -> Amount) throws(Refusal) -> Amount {
        do { return try compute() } catch { throw refusal("\(error)") }
    }
}

extension ModuleContext {
    /// An event about a record: its payload is the array of the record's identifier and what `items` writes.
    ///
    /// - Parameter accounts: may name one twice, which may hold several roles.
    public mutating func emit(
        module: String, kind: String, path: [UInt8]? = nil, about id: Digest, _ accounts: [AccountID],
        items count: Int = 0, _ items: (inout CBOREncoder) -> Void = { _ in }
    ) throws(Refusal) {
        var encoder = CBOREncoder()
        encoder.array(count: 1 + count)
        encoder.digest(id)
        items(&encoder)
        var once: [AccountID] = []
        for account in accounts where !once.contains(account) { once.append(account) }
        try emit(Event(module: module, kind: kind, path: path, accounts: once, payload: encoder.finish()))
    }
}
