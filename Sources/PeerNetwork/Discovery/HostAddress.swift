import Primitives

/// Where an address lies: the host of a multiaddr, as far as the defence against many identities of one owner needs it.
///
/// IPv6 addresses that carry an IPv4 address (mapped, 6to4, NAT64) count as that IPv4 address, so that one host cannot
/// appear in as many ranges as there are ways to write it.
public enum HostAddress: Hashable, Sendable {
    case ip4(UInt32)
    /// The upper and the lower half.
    case ip6(UInt64, UInt64)
    /// A DNS name in lower case.
    case name(String)

    private enum Code {
        static let ip4: UInt64 = 4
        static let ip6: UInt64 = 41
        static let zone: UInt64 = 42
        static let names: Set<UInt64> = [53, 54, 55, 56]
    }

    /// The longest DNS name, RFC 1035 section 2.3.4.
    private static let nameLimit = 255

    /// The host that a binary multiaddr begins with, or nil where it begins with something else.
    public init?(multiaddr bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        guard var code = try? Varint.read(&rest) else { return nil }
        if code == Code.zone {
            guard let length = try? Varint.read(&rest), length <= UInt64(rest.count) else { return nil }
            rest = rest.dropFirst(Int(length))
            guard let next = try? Varint.read(&rest) else { return nil }
            code = next
        }
        switch code {
        case Code.ip4:
            guard rest.count >= 4 else { return nil }
            self.init(ip: rest.prefix(4))
        case Code.ip6:
            guard rest.count >= 16 else { return nil }
            self.init(ip: rest.prefix(16))
        case _ where Code.names.contains(code):
            guard let length = try? Varint.read(&rest), length <= UInt64(min(rest.count, HostAddress.nameLimit)),
                let name = String(validating: rest.prefix(Int(length)), as: UTF8.self)
            else { return nil }
            self = .name(name.lowercased())
        default: return nil
        }
    }

    /// The host that a multiaddr begins with.
    public init?(_ address: Multiaddr) {
        switch address.components.first {
        case .ip(.v4(let value)): self = .ip4(value)
        case .ip(.v6(let high, let low)):
            self = HostAddress.carried(high, low).map(HostAddress.ip4) ?? .ip6(high, low)
        case .dns(let name), .dns4(let name), .dns6(let name), .dnsaddr(let name): self = .name(name.lowercased())
        default: return nil
        }
    }

    /// Four bytes of an IPv4 address or sixteen of an IPv6 address, in network order; nil for another number.
    public init?(ip bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .ip4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let low = bytes.dropFirst(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            self = HostAddress.carried(high, low).map(HostAddress.ip4) ?? .ip6(high, low)
        default: return nil
        }
    }

    /// The IPv4 address within ::ffff:0:0/96 (RFC 4291), 64:ff9b::/96 (RFC 6052) or 2002::/16 (RFC 3056).
    private static func carried(_ high: UInt64, _ low: UInt64) -> UInt32? {
        if high == 0, low >> 32 == 0xffff { return UInt32(truncatingIfNeeded: low) }
        if high == 0x0064_ff9b_0000_0000, low >> 32 == 0 { return UInt32(truncatingIfNeeded: low) }
        if high >> 48 == 0x2002 { return UInt32(truncatingIfNeeded: high >> 16) }
        return nil
    }

    public var isLoopback: Bool {
        switch self {
        case .ip4(let value): value >> 24 == 127
        case .ip6(let high, let low): high == 0 && low == 1
        case .name(let name): name == "localhost"
        }
    }

    /// Reserved for networks of one owner: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 (link-local).
    public var isPrivate: Bool {
        switch self {
        case .ip4(let value):
            value >> 24 == 10 || value >> 20 == 0xac1 || value >> 16 == 0xc0a8 || value >> 16 == 0xa9fe
                || value >> 22 == 0x6440_0000 >> 22
        case .ip6(let high, _): high >> 57 == 0xfc >> 1 || high >> 54 == 0xfe80 >> 6
        case .name(let name): name.hasSuffix(".local")
        }
    }

    /// The range of so many bits that the host lies in. Names count by their last two labels: whoever owns a zone has
    /// as many names in it as wanted.
    public func range(ip4Bits: Int, ip6Bits: Int) -> AddressRange {
        switch self {
        case .ip4(let value):
            let bits = min(max(ip4Bits, 0), 32)
            return .ip4(bits == 0 ? 0 : (value >> (32 - bits)) << (32 - bits), bits: bits)
        case .ip6(let high, let low):
            let bits = min(max(ip6Bits, 0), 128)
            let upper = bits >= 64 ? high : bits == 0 ? 0 : (high >> (64 - bits)) << (64 - bits)
            let lower = bits <= 64 ? 0 : bits == 128 ? low : (low >> (128 - bits)) << (128 - bits)
            return .ip6(upper, lower, bits: bits)
        case .name(let name):
            return .zone(name.split(separator: ".").suffix(2).joined(separator: "."))
        }
    }
}

/// A range of addresses that one owner may well hold as a whole.
public enum AddressRange: Hashable, Sendable, CustomStringConvertible {
    case ip4(UInt32, bits: Int)
    case ip6(UInt64, UInt64, bits: Int)
    case zone(String)

    public var description: String {
        switch self {
        case .ip4(let value, let bits):
            return [24, 16, 8, 0].map { String(value >> UInt32($0) & 0xff) }.joined(separator: ".") + "/\(bits)"
        case .ip6(let high, let low, let bits):
            let groups = [high, low].flatMap { half in [48, 32, 16, 0].map { half >> UInt64($0) & 0xffff } }
            return groups.map { String($0, radix: 16) }.joined(separator: ":") + "/\(bits)"
        case .zone(let name): return "*.\(name)"
        }
    }

    /// Bytes that tell the range apart: one for the kind, one for the bits, then the address or the name.
    var identity: [UInt8] {
        func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
        }
        switch self {
        case .ip4(let value, let bits): return [4, UInt8(truncatingIfNeeded: bits)] + bigEndian(UInt64(value), 4)
        case .ip6(let high, let low, let bits):
            return [6, UInt8(truncatingIfNeeded: bits)] + bigEndian(high, 8) + bigEndian(low, 8)
        case .zone(let name): return [1, 0] + Array(name.utf8)
        }
    }
}

/// How wide a range is that counts as one owner, and which hosts are outside such limits.
public struct RangeRules: Hashable, Sendable {
    public var ip4Bits: Int
    public var ip6Bits: Int
    /// Nodes of a test or of one machine all live on loopback.
    public var exemptsLoopback: Bool
    /// Nodes of one site all live in one private network.
    public var exemptsPrivate: Bool

    public init(ip4Bits: Int = 16, ip6Bits: Int = 32, exemptsLoopback: Bool = true, exemptsPrivate: Bool = true) {
        self.ip4Bits = ip4Bits
        self.ip6Bits = ip6Bits
        self.exemptsLoopback = exemptsLoopback
        self.exemptsPrivate = exemptsPrivate
    }

    /// The range that limits count, or nil for a host that is exempt.
    public func range(of host: HostAddress) -> AddressRange? {
        if exemptsLoopback, host.isLoopback { return nil }
        if exemptsPrivate, host.isPrivate { return nil }
        return host.range(ip4Bits: ip4Bits, ip6Bits: ip6Bits)
    }

    /// The same for a multiaddr; nil also where it names no host.
    public func range(of address: Multiaddr) -> AddressRange? {
        HostAddress(address).flatMap(range(of:))
    }
}
