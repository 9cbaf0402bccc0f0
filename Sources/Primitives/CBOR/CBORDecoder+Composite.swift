extension CBORDecoder {
    /// Reads a value of a type that knows how.
    @inlinable
    public mutating func value<Value: CBORCodable>(_ type: Value.Type = Value.self) throws(CBORError) -> Value {
        try Value(from: &self)
    }

    /// Reads null as nil, or a value.
    @inlinable
    public mutating func optional<Value: CBORCodable>(
        _ type: Value.Type = Value.self
    ) throws(CBORError) -> Value? {
        skipNull() ? nil : try Value(from: &self)
    }

    /// Reads an array of values, of at most `maximum` items if given.
    @inlinable
    public mutating func list<Value: CBORCodable>(
        of type: Value.Type = Value.self, maximum: Int = .max
    ) throws(CBORError) -> [Value] {
        let start = offset
        let items = try array()
        guard items <= maximum else {
            throw CBORError(.wrongCount, "at most \(maximum) items were expected, not \(items)", at: start)
        }
        try enter()
        var values: [Value] = []
        // A count may promise more than follows: memory grows with what is read, not with what is promised.
        values.reserveCapacity(min(items, 1024))
        for _ in 0..<items { values.append(try Value(from: &self)) }
        leave()
        return values
    }

    /// Reads a map: calls the closure for each key, in order; it must read the key's value.
    public mutating func map(
        _ body: (String, inout CBORDecoder) throws(CBORError) -> Void
    ) throws(CBORError) {
        let entries = try bounded(try head(5, "a map"), least: 2)
        try enter()
        var previous = 0..<0
        for index in 0..<entries {
            let key = try mapKey(after: previous, isFirst: index == 0)
            previous = key
            guard let text = String(validating: buffer(key), as: UTF8.self) else {
                throw CBORError(.invalidUTF8, "the key is not UTF-8", at: key.lowerBound)
            }
            try body(text, &self)
        }
        leave()
    }

    // MARK: Exact bytes

    /// Moves over the next item, which is checked in full, and returns where its encoding lies: what a signature or a
    /// digest covers.
    public mutating func sliceOfNext() throws(CBORError) -> Range<Int> {
        let start = offset
        try skip()
        return start..<offset
    }

    /// Moves over a byte string and returns where its content lies.
    public mutating func borrowedBytes() throws(CBORError) -> Range<Int> {
        let length = try bounded(try head(2, "a byte string"))
        defer { offset += length }
        return offset..<offset + length
    }

    /// A copy of the bytes in a range that `sliceOfNext` returned.
    public func bytes(in range: Range<Int>) -> [UInt8] { [UInt8](buffer(range)) }

    /// Hands the bytes in a range that `sliceOfNext` returned to the closure, without a copy.
    public func withBytes<Result>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(buffer(range))
    }

    /// Moves over the next item and returns a copy of its encoding.
    public mutating func encodedNext() throws(CBORError) -> [UInt8] {
        let range = try sliceOfNext()
        return bytes(in: range)
    }

    /// Moves over the next item, which is checked in full.
    public mutating func skip() throws(CBORError) {
        switch nextKind {
        case .unsigned, .negative: _ = try head()
        case .bytes: try withBytes { _ in }
        case .text:
            let length = try bounded(try head(3, "a text"))
            guard isUTF8(offset..<offset + length) else { throw failure(.invalidUTF8, "the text is not UTF-8") }
            offset += length
        case .array:
            let items = try array()
            try enter()
            for _ in 0..<items { try skip() }
            leave()
        case .map:
            let entries = try bounded(try head(5, "a map"), least: 2)
            try enter()
            var previous = 0..<0
            for index in 0..<entries {
                previous = try mapKey(after: previous, isFirst: index == 0)
                guard isUTF8(previous) else {
                    throw CBORError(.invalidUTF8, "the key is not UTF-8", at: previous.lowerBound)
                }
                try skip()
            }
            leave()
        case .link: _ = try anyLink()
        case .bool: _ = try bool()
        case .null: offset += 1
        case .float: _ = try float()
        case nil: throw unreadable()
        }
    }

    /// The error for bytes that start no item.
    func unreadable() -> CBORError {
        guard offset < count else { return failure(.truncated, "an item is missing") }
        switch base.load(fromByteOffset: offset, as: UInt8.self) {
        case 0xf9, 0xfa: return failure(.invalidFloat, "a float that is not 64 bits wide")
        case 0xff: return failure(.notDefinite, "a break without an indefinite length")
        default: return failure(.unsupported, "a simple value other than false, true and null")
        }
    }

    // MARK: Links

    enum AnyLink {
        case known(CID)
        case foreign(ForeignCID)
    }

    /// A link of any codec and hash; `link()` reads only those that can be checked.
    mutating func anyLink() throws(CBORError) -> AnyLink {
        let start = offset
        do throws(CBORError) { return .known(try link()) } catch {
            guard error.code == .invalidLink else { throw error }
            offset = start
            guard try head(6, "a link") == 42 else { throw error }
            let content = try withBytes { [UInt8]($0) }
            guard content.first == 0 else { throw error }
            do { return .foreign(try ForeignCID(bytes: [UInt8](content.dropFirst()))) } catch {
                throw CBORError(.invalidLink, error.description, at: start)
            }
        }
    }

    // MARK: Nesting and keys

    @usableFromInline
    mutating func enter() throws(CBORError) {
        depth += 1
        guard depth <= maximumDepth else {
            throw failure(.nestingTooDeep, "more than \(maximumDepth) levels")
        }
    }

    @usableFromInline
    mutating func leave() { depth -= 1 }

    private func buffer(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        let inside = range.clamped(to: 0..<count)
        return UnsafeRawBufferPointer(start: base + inside.lowerBound, count: inside.count)
    }

    private func isUTF8(_ range: Range<Int>) -> Bool {
        // Text is mostly ASCII and short; only the rest pays for a String.
        let content = buffer(range)
        var seen: UInt8 = 0
        for byte in content { seen |= byte }
        return seen < 0x80 || String(validating: content, as: UTF8.self) != nil
    }

    /// Reads a key, and refuses one that does not come after the previous one: shorter first, then by bytes.
    private mutating func mapKey(after previous: Range<Int>, isFirst: Bool) throws(CBORError) -> Range<Int> {
        let start = offset
        let (major, argument) = try head()
        guard major == 3 else { throw CBORError(.keyNotText, "a key that is not a text", at: start) }
        let length = try bounded(argument)
        let key = offset..<offset + length
        if !isFirst {
            let inOrder =
                previous.count < length
                || (previous.count == length && buffer(previous).lexicographicallyPrecedes(buffer(key)))
            guard inOrder else {
                throw CBORError(.keysOutOfOrder, "keys repeat or are not in order", at: start)
            }
        }
        offset += length
        return key
    }
}
