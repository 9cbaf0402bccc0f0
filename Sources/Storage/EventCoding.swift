/// The events of one block as one blob: the kinds that occur, then for each event the number of its kind and its
/// fields. A field is a length (LEB128) and bytes.
enum EventCoding {
    private struct Kind: Hashable {
        let module: String
        let kind: String
    }

    static func encode(_ events: [NewEvent]) -> [UInt8] {
        guard !events.isEmpty else { return [] }
        var numbers: [Kind: UInt64] = [:]
        var names: [UInt8] = []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(events.count * 96)
        var last: (kind: Kind, number: UInt64)?
        for event in events {
            let kind = Kind(module: event.module, kind: event.kind)
            let number: UInt64
            if let last, last.kind == kind {
                number = last.number
            } else if let known = numbers[kind] {
                number = known
            } else {
                number = UInt64(numbers.count)
                numbers[kind] = number
                append(Array(event.module.utf8), to: &names)
                append(Array(event.kind.utf8), to: &names)
            }
            last = (kind, number)
            appendNumber(number, to: &bytes)
            appendNumber(event.path == nil ? 0 : 1, to: &bytes)
            if let path = event.path { append(path, to: &bytes) }
            appendNumber(UInt64(event.accounts.count), to: &bytes)
            for account in event.accounts { append(account, to: &bytes) }
            append(event.payload, to: &bytes)
        }
        var whole: [UInt8] = []
        whole.reserveCapacity(8 + names.count + bytes.count)
        appendNumber(UInt64(numbers.count), to: &whole)
        return whole + names + bytes
    }

    /// Nil when the bytes are not the encoding of this many events.
    static func decode(_ bytes: [UInt8], count: Int) -> [NewEvent]? {
        guard count > 0 else { return bytes.isEmpty ? [] : nil }
        var reader = ArraySlice(bytes)
        guard let kindCount = number(&reader), kindCount <= UInt64(count) else { return nil }
        var kinds: [Kind] = []
        for _ in 0..<kindCount {
            guard let module = field(&reader), let kind = field(&reader) else { return nil }
            kinds.append(
                Kind(module: String(decoding: module, as: UTF8.self), kind: String(decoding: kind, as: UTF8.self)))
        }
        var events: [NewEvent] = []
        events.reserveCapacity(count)
        for _ in 0..<count {
            guard let kind = number(&reader), kind < kindCount, let hasPath = number(&reader) else { return nil }
            var path: [UInt8]?
            if hasPath == 1 {
                guard let found = field(&reader) else { return nil }
                path = found
            }
            guard let accountCount = number(&reader), accountCount <= UInt64(reader.count) else { return nil }
            var accounts: [[UInt8]] = []
            for _ in 0..<accountCount {
                guard let account = field(&reader) else { return nil }
                accounts.append(account)
            }
            guard let payload = field(&reader) else { return nil }
            events.append(
                NewEvent(
                    module: kinds[Int(kind)].module, kind: kinds[Int(kind)].kind, path: path, accounts: accounts,
                    payload: payload))
        }
        return reader.isEmpty ? events : nil
    }

    private static func append(_ field: [UInt8], to bytes: inout [UInt8]) {
        appendNumber(UInt64(field.count), to: &bytes)
        bytes += field
    }

    private static func appendNumber(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func field(_ reader: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let length = number(&reader), length <= UInt64(reader.count) else { return nil }
        defer { reader = reader.dropFirst(Int(length)) }
        return Array(reader.prefix(Int(length)))
    }

    private static func number(_ reader: inout ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 63, by: 7) {
            guard let byte = reader.popFirst() else { return nil }
            number |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return number }
        }
        return nil
    }
}
