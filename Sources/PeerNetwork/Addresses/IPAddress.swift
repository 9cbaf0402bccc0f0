import Primitives

/// An address of IP version 4 or 6, as its bytes in network order. A value; any thread.
public enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(UInt32)
    /// The high and the low eight bytes.
    case v6(UInt64, UInt64)

    /// Four bytes or sixteen; nil for another count.
    public init?(bytes: some Collection<UInt8>) {
        func number(_ part: some Sequence<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: self = .v4(UInt32(number(bytes)))
        case 16: self = .v6(number(bytes.prefix(8)), number(bytes.dropFirst(8)))
        default: return nil
        }
    }

    public var bytes: [UInt8] {
        switch self {
        case .v4(let value): return (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
        case .v6(let high, let low):
            return [high, low].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
            }
        }
    }

    /// Dotted decimal, or the canonical text of RFC 5952.
    public var description: String {
        switch self {
        case .v4: return bytes.map(String.init).joined(separator: ".")
        case .v6: return IPAddress.text(of: groups)
        }
    }

    /// Whether it is an address of this machine alone (127.0.0.0/8, ::1).
    public var isLoopback: Bool {
        switch self {
        case .v4(let value): return value >> 24 == 127
        case .v6(let high, let low): return high == 0 && low == 1
        }
    }

    /// Whether it stands for every address of the machine (0.0.0.0, ::).
    public var isUnspecified: Bool {
        switch self {
        case .v4(let value): return value == 0
        case .v6(let high, let low): return high == 0 && low == 0
        }
    }

    /// The eight groups of version 6; empty for version 4.
    var groups: [UInt16] {
        guard case .v6(let high, let low) = self else { return [] }
        return [high, low].flatMap { word in
            (0..<4).map { UInt16(truncatingIfNeeded: word >> UInt64(48 - 16 * $0)) }
        }
    }

    /// RFC 5952, section 4: the longest run of two zero groups or more, the first of equals, becomes `::`; lower case.
    /// Section 5: mapped addresses of version 4 end in dotted decimal.
    private static func text(of groups: [UInt16]) -> String {
        if groups.prefix(5).allSatisfy({ $0 == 0 }), groups[5] == 0xffff {
            return "::ffff:" + IPAddress.v4(UInt32(groups[6]) << 16 | UInt32(groups[7])).description
        }
        var best = 0..<0
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        func joined(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return joined(groups[...]) }
        return joined(groups[..<best.lowerBound]) + "::" + joined(groups[best.upperBound...])
    }
}

extension IPAddress {
    /// Reads either version.
    public init(text: some StringProtocol) throws(FormatError) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            try self.init(version6: text)
        } else {
            try self.init(version4: text)
        }
    }

    /// Four decimal numbers; no leading zeros, which some read as octal.
    public init(version4 text: some StringProtocol) throws(FormatError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        var value: UInt32 = 0
        for part in parts {
            guard part.utf8.count <= 3, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let byte = UInt8(part),
                part.utf8.count == 1 || part.utf8.first != 0x30
            else { throw IPAddress.malformed("ip4", text) }
            value = value << 8 | UInt32(byte)
        }
        guard parts.count == 4 else { throw IPAddress.malformed("ip4", text) }
        self = .v4(value)
    }

    /// The forms of RFC 4291, section 2.2. Zones (`%eth0`) are refused: they mean something on one machine only.
    public init(version6 text: some StringProtocol) throws(FormatError) {
        guard text.utf8.count <= 45 else { throw IPAddress.malformed("ip6", "that text") }
        let halves = try IPAddress.halves(of: String(text))
        var groups: [UInt16] = try IPAddress.groups(of: halves.head, whole: text)
        if let tail = halves.tail {
            let last = try IPAddress.groups(of: tail, whole: text)
            guard groups.count + last.count <= 7 else { throw IPAddress.malformed("ip6", text) }
            groups += [UInt16](repeating: 0, count: 8 - groups.count - last.count) + last
        }
        guard groups.count == 8 else { throw IPAddress.malformed("ip6", text) }
        func word(_ part: ArraySlice<UInt16>) -> UInt64 { part.reduce(0) { $0 << 16 | UInt64($1) } }
        self = .v6(word(groups[..<4]), word(groups[4...]))
    }

    private static func malformed(_ version: String, _ text: some StringProtocol) -> FormatError {
        FormatError(.invalidCharacter, "\(text.prefix(45)) is no address", at: version)
    }

    /// What stands before and after `::`, which may come once.
    private static func halves(of text: String) throws(FormatError) -> (head: String, tail: String?) {
        let bytes = Array(text.utf8)
        let places = bytes.indices.dropLast().filter { bytes[$0] == 0x3a && bytes[$0 + 1] == 0x3a }
        guard let place = places.first else { return (text, nil) }
        guard places.count == 1 else { throw malformed("ip6", text) }
        return (
            String(decoding: bytes[..<place], as: UTF8.self), String(decoding: bytes[(place + 2)...], as: UTF8.self)
        )
    }

    private static func groups(of text: String, whole: some StringProtocol) throws(FormatError) -> [UInt16] {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")),
                case .v4(let value) = try IPAddress(version4: part)
            {
                groups += [UInt16(truncatingIfNeeded: value >> 16), UInt16(truncatingIfNeeded: value)]
                continue
            }
            let digits = part.utf8
            guard (1...4).contains(digits.count), digits.first != 0x2b, let group = UInt16(part, radix: 16) else {
                throw malformed("ip6", whole)
            }
            groups.append(group)
        }
        return groups
    }
}
