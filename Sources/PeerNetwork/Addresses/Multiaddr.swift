import Primitives

/// An address that says how to reach a peer, protocol by protocol (the multiaddr specification of multiformats):
/// `/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…`. A value; any thread.
///
/// Protocols that no part of this software speaks are refused by name: a list of addresses from a peer is read with
/// `init(bytes:)` on each, and what is refused is left out.
public struct Multiaddr: Hashable, Sendable, CustomStringConvertible {
    public let components: [Component]

    /// The longest binary form that is read, in bytes.
    public static let byteLimit = 1024
    /// The longest text that is read, in bytes.
    public static let textLimit = 2048
    /// The largest number of components.
    public static let componentLimit = 16

    public init(_ components: [Component]) { self.components = components }

    /// `/ip4/…/tcp/…` or `/ip6/…/tcp/…`.
    public init(_ address: IPAddress, tcp port: UInt16) { self.init([.ip(address), .tcp(port)]) }

    /// Reads the text form.
    public init(text: some StringProtocol) throws(FormatError) {
        guard text.utf8.count <= Multiaddr.textLimit else {
            throw FormatError(.tooLong, "more than \(Multiaddr.textLimit) bytes", at: "multiaddr")
        }
        guard text.hasPrefix("/") else { throw FormatError(.wrongPrefix, "starts with a slash", at: "multiaddr") }
        let body = text.hasSuffix("/") ? text.dropFirst().dropLast() : text.dropFirst()
        var words = String(body).split(separator: "/", omittingEmptySubsequences: false)[...]
        var components: [Component] = []
        while !words.isEmpty {
            try Multiaddr.checkRoom(components)
            components.append(try Component(words: &words))
        }
        self.components = components
    }

    /// Reads the binary form.
    public init(bytes: some Collection<UInt8>) throws(FormatError) {
        guard bytes.count <= Multiaddr.byteLimit else {
            throw FormatError(.tooLong, "more than \(Multiaddr.byteLimit) bytes", at: "multiaddr")
        }
        var rest = Array(bytes)[...]
        var components: [Component] = []
        repeat {
            try Multiaddr.checkRoom(components)
            components.append(try Component(bytes: &rest))
        } while !rest.isEmpty
        self.components = components
    }

    private static func checkRoom(_ components: [Component]) throws(FormatError) {
        guard components.count < componentLimit else {
            throw FormatError(.tooLong, "more than \(componentLimit) components", at: "multiaddr")
        }
    }

    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for component in components { component.append(to: &bytes) }
        return bytes
    }

    public var description: String {
        components.map { component in component.value.map { "/\(component.name)/\($0)" } ?? "/\(component.name)" }
            .joined()
    }
}

extension Multiaddr {
    /// Where a TCP connection goes, and to whom.
    public struct TCPTarget: Hashable, Sendable {
        public enum Host: Hashable, Sendable {
            case address(IPAddress)
            /// A name to look up, for addresses of the versions given.
            case name(String, allowsVersion4: Bool, allowsVersion6: Bool)
        }

        public let host: Host
        public let port: UInt16
        /// The peer that must answer there; nil for whoever does.
        public let peer: PeerID?
    }

    /// The target of `/ip4|ip6|dns|dns4|dns6/…/tcp/…`, with or without `/p2p/…` after it; nil for any other form.
    public var tcpTarget: TCPTarget? {
        guard (2...3).contains(components.count), case .tcp(let port) = components[1] else { return nil }
        let host: TCPTarget.Host
        switch components[0] {
        case .ip(let address): host = .address(address)
        case .dns(let name): host = .name(name, allowsVersion4: true, allowsVersion6: true)
        case .dns4(let name): host = .name(name, allowsVersion4: true, allowsVersion6: false)
        case .dns6(let name): host = .name(name, allowsVersion4: false, allowsVersion6: true)
        default: return nil
        }
        if components.count == 2 { return TCPTarget(host: host, port: port, peer: nil) }
        guard case .p2p(let peer) = components[2] else { return nil }
        return TCPTarget(host: host, port: port, peer: peer)
    }

    /// Why an address without `tcpTarget` cannot be dialled, for people.
    public var whyUnusable: String {
        if case .dnsaddr(let name) = components.first {
            return "/dnsaddr is looked up in DNS text records, which this node does not do: name what "
                + "_dnsaddr.\(name) points to, as /dns4/NAME/tcp/PORT"
        }
        if components.contains(.p2pCircuit) { return "relays are not spoken here" }
        let others = components.filter { [.quicV1, .ws].contains($0) || $0.isDatagram }
        return others.first.map { "\($0.name) is not spoken here, only TCP" } ?? "no address of TCP"
    }

    /// The peer at the end of the address, if it names one.
    public var peer: PeerID? {
        guard case .p2p(let peer) = components.last else { return nil }
        return peer
    }

    /// The address of the first component, if it is one of IP.
    public var ipAddress: IPAddress? {
        guard case .ip(let address) = components.first else { return nil }
        return address
    }

    /// The address without a peer at its end.
    public var withoutPeer: Multiaddr { peer == nil ? self : Multiaddr(Array(components.dropLast())) }

    /// The address with this peer at its end, in place of another.
    public func with(_ peer: PeerID) -> Multiaddr { Multiaddr(withoutPeer.components + [.p2p(peer)]) }
}
