import Primitives

extension Multiaddr {
    /// One step of an address: a protocol of the multicodec table, and its value.
    public enum Component: Hashable, Sendable {
        case ip(IPAddress)
        case dns(String)
        case dns4(String)
        case dns6(String)
        case dnsaddr(String)
        case tcp(UInt16)
        case udp(UInt16)
        case quicV1
        case ws
        case p2p(PeerID)
        case p2pCircuit

        /// The protocol's code in the multicodec table.
        var code: UInt64 {
            switch self {
            case .ip(.v4): return 0x04
            case .tcp: return 0x06
            case .ip(.v6): return 0x29
            case .dns: return 0x35
            case .dns4: return 0x36
            case .dns6: return 0x37
            case .dnsaddr: return 0x38
            case .udp: return 0x0111
            case .p2pCircuit: return 0x0122
            case .p2p: return 0x01a5
            case .quicV1: return 0x01cd
            case .ws: return 0x01dd
            }
        }

        public var name: String {
            switch self {
            case .ip(.v4): return "ip4"
            case .ip(.v6): return "ip6"
            case .tcp: return "tcp"
            case .dns: return "dns"
            case .dns4: return "dns4"
            case .dns6: return "dns6"
            case .dnsaddr: return "dnsaddr"
            case .udp: return "udp"
            case .p2pCircuit: return "p2p-circuit"
            case .p2p: return "p2p"
            case .quicV1: return "quic-v1"
            case .ws: return "ws"
            }
        }

        var isDatagram: Bool {
            if case .udp = self { return true }
            return false
        }

        /// The value as text; nil for protocols without one.
        var value: String? {
            switch self {
            case .ip(let address): return address.description
            case .dns(let name), .dns4(let name), .dns6(let name), .dnsaddr(let name): return name
            case .tcp(let port), .udp(let port): return String(port)
            case .p2p(let peer): return peer.description
            case .quicV1, .ws, .p2pCircuit: return nil
            }
        }
    }
}

extension Multiaddr.Component {
    /// A name of RFC 1035 in its text form has at most 253 bytes.
    private static let nameLimit = 253
    private static let peerIDLimit = 64

    /// Names of protocols whose code a peer may send us; to say what it was, since nothing here speaks them.
    private static let foreign: [UInt64: String] = [
        0x21: "dccp", 0x2a: "ip6zone", 0x2b: "ipcidr", 0x84: "sctp", 0x0113: "p2p-webrtc-star", 0x0118: "webrtc-direct",
        0x0119: "webrtc", 0x012d: "udt", 0x012e: "utp", 0x0190: "unix", 0x01bc: "onion", 0x01bd: "onion3",
        0x01be: "garlic64", 0x01bf: "garlic32", 0x01c0: "tls", 0x01c1: "sni", 0x01c6: "noise", 0x01cc: "quic",
        0x01d1: "webtransport", 0x01d2: "certhash", 0x01de: "wss", 0x01e0: "http", 0x01bb: "https",
        0x0309: "plaintextv2",
    ]

    private static func isName(_ name: some StringProtocol) -> Bool {
        (1...nameLimit).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
    }

    // MARK: Text

    /// Reads a component's name and value from the words of an address.
    init(words: inout ArraySlice<Substring>) throws(FormatError) {
        guard let name = words.popFirst() else { throw FormatError(.truncated, "no protocol", at: "multiaddr") }
        switch name {
        case "quic-v1": self = .quicV1
        case "ws": self = .ws
        case "p2p-circuit": self = .p2pCircuit
        case "ip4", "ip6", "dns", "dns4", "dns6", "dnsaddr", "tcp", "udp", "p2p", "ipfs":
            guard let value = words.popFirst() else {
                throw FormatError(.truncated, "/\(name) needs a value", at: "multiaddr")
            }
            try self.init(name: name, value: value)
        default:
            throw FormatError(.unsupported, "the protocol \(name.prefix(40)) is not known here", at: "multiaddr")
        }
    }

    private init(name: Substring, value: Substring) throws(FormatError) {
        switch name {
        case "ip4": self = .ip(try IPAddress(version4: value))
        case "ip6": self = .ip(try IPAddress(version6: value))
        case "tcp": self = .tcp(try Self.port(value))
        case "udp": self = .udp(try Self.port(value))
        case "p2p", "ipfs": self = .p2p(try PeerID(text: value))
        default:
            guard Self.isName(value) else { throw FormatError(.invalidCharacter, "no host name", at: "/\(name)") }
            self = Self.named(name, String(value))
        }
    }

    private static func named(_ kind: Substring, _ name: String) -> Self {
        switch kind {
        case "dns4": return .dns4(name)
        case "dns6": return .dns6(name)
        case "dnsaddr": return .dnsaddr(name)
        default: return .dns(name)
        }
    }

    private static func port(_ text: Substring) throws(FormatError) -> UInt16 {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text) else {
            throw FormatError(.outOfRange, "\(text.prefix(10)) is no port (0 to 65535)", at: "multiaddr")
        }
        return port
    }

    // MARK: Binary

    func append(to bytes: inout [UInt8]) {
        Varint.append(code, to: &bytes)
        switch self {
        case .ip(let address): bytes += address.bytes
        case .tcp(let port), .udp(let port):
            bytes += [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)]
        case .dns(let name), .dns4(let name), .dns6(let name), .dnsaddr(let name):
            Varint.append(UInt64(name.utf8.count), to: &bytes)
            bytes += name.utf8
        case .p2p(let peer):
            Varint.append(UInt64(peer.bytes.count), to: &bytes)
            bytes += peer.bytes
        case .quicV1, .ws, .p2pCircuit: break
        }
    }

    init(bytes rest: inout ArraySlice<UInt8>) throws(FormatError) {
        let code = try Varint.read(&rest)
        switch code {
        case 0x04, 0x29:
            guard let address = IPAddress(bytes: try Self.take(code == 4 ? 4 : 16, &rest)) else {
                throw FormatError(.truncated, "ends inside an IP address", at: "multiaddr")
            }
            self = .ip(address)
        case 0x06: self = .tcp(try Self.port(&rest))
        case 0x0111: self = .udp(try Self.port(&rest))
        case 0x35: self = .dns(try Self.name(&rest))
        case 0x36: self = .dns4(try Self.name(&rest))
        case 0x37: self = .dns6(try Self.name(&rest))
        case 0x38: self = .dnsaddr(try Self.name(&rest))
        case 0x0122: self = .p2pCircuit
        case 0x01a5: self = .p2p(try PeerID(multihash: try Self.counted(Self.peerIDLimit, &rest)))
        case 0x01cd: self = .quicV1
        case 0x01dd: self = .ws
        default:
            let name = Self.foreign[code].map { "\($0) (\(code))" } ?? "with the code \(code)"
            throw FormatError(.unsupported, "the protocol \(name) is not known here", at: "multiaddr")
        }
    }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) throws(FormatError) -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw FormatError(.truncated, "ends inside a value", at: "multiaddr") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private static func counted(
        _ limit: Int, _ rest: inout ArraySlice<UInt8>
    ) throws(FormatError) -> ArraySlice<UInt8> {
        let count = try Varint.read(&rest)
        guard count <= UInt64(limit) else {
            throw FormatError(.tooLong, "a value of \(count) bytes, of \(limit) at most", at: "multiaddr")
        }
        return try take(Int(count), &rest)
    }

    private static func port(_ rest: inout ArraySlice<UInt8>) throws(FormatError) -> UInt16 {
        try take(2, &rest).reduce(0) { $0 << 8 | UInt16($1) }
    }

    private static func name(_ rest: inout ArraySlice<UInt8>) throws(FormatError) -> String {
        let name = String(decoding: try counted(nameLimit, &rest), as: UTF8.self)
        guard isName(name) else { throw FormatError(.invalidCharacter, "no host name", at: "multiaddr") }
        return name
    }
}
