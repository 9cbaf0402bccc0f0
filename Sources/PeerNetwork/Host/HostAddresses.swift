import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension Multiaddr {
    /// The address of a TCP socket; nil for other families.
    init?(_ address: SocketAddress?) {
        guard let address, let text = address.ipAddress, let port = address.port,
            let value = try? IPAddress(text: text.prefix { $0 != "%" }), let number = UInt16(exactly: port)
        else { return nil }
        self.init(value.unmapped, tcp: number)
    }
}

extension IPAddress {
    /// An address of version 4 that a socket of version 6 shows as `::ffff:…`, as itself.
    var unmapped: IPAddress {
        guard case .v6(0, let low) = self, low >> 32 == 0xffff else { return self }
        return .v4(UInt32(truncatingIfNeeded: low))
    }

    /// What one customer of a network has: the address, or the /64 of version 6 that it lies in.
    var owner: IPAddress {
        guard case .v6(let high, _) = self else { return self }
        return .v6(high, 0)
    }

    func socketAddress(port: UInt16) throws(WireError) -> SocketAddress {
        do { return try SocketAddress(ipAddress: description, port: Int(port)) } catch {
            throw WireError(wrapping: error)
        }
    }
}

/// Looks names up and lists the machine's own addresses.
enum HostAddresses {
    /// The most addresses of a name that are used.
    private static let nameLimit = 8
    /// How long a name may take: the system's resolver asks again for half a minute where nobody answers.
    private static let lookupTimeout: Duration = .seconds(10)

    /// The addresses of a name, through the system's resolver, on a thread that may block: neither the event loops nor
    /// Swift's own threads wait for it, and whoever asks waits for ten seconds at most.
    static func resolve(_ host: Multiaddr.TCPTarget.Host) async throws(WireError) -> [IPAddress] {
        switch host {
        case .address(let address): return [address]
        case .name(let name, let version4, let version6):
            let family = version4 ? (version6 ? AF_UNSPEC : AF_INET) : AF_INET6
            let found: [IPAddress]
            do {
                found = try await lookUpInTime(name, family).get()
            } catch { throw WireError(wrapping: error) }
            guard !found.isEmpty else {
                throw WireError(.unreachable, "the name \(name) has no address", at: "name lookup")
            }
            return found
        }
    }

    /// The first of the answer and the end of the time; an answer that comes later is dropped.
    private static func lookUpInTime(_ name: String, _ family: Int32) -> EventLoopFuture<[IPAddress]> {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: [IPAddress].self)
        let timer = loop.scheduleTask(in: TimeAmount(lookupTimeout)) {
            promise.fail(WireError(.timeout, "looking \(name) up took more than \(lookupTimeout)", at: "name lookup"))
        }
        NIOThreadPool.singleton.submit { _ in promise.succeed(lookUp(name, family)) }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        return promise.futureResult
    }

    private static func lookUp(_ name: String, _ family: Int32) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = family
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var entry = list
        while let current = entry, found.count < nameLimit {
            defer { entry = current.pointee.ai_next }
            guard let address = current.pointee.ai_addr, let value = ipAddress(address) else { continue }
            if !found.contains(value) { found.append(value) }
        }
        return found
    }

    /// The address in a structure of the system. The resolver's entries are as long as their family says: 16 bytes
    /// with the address at the fourth, or 28 with it at the eighth (Linux, netinet/in.h).
    private static func ipAddress(_ address: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET: return IPAddress(bytes: UnsafeRawBufferPointer(start: raw + 4, count: 4))
        case AF_INET6: return IPAddress(bytes: UnsafeRawBufferPointer(start: raw + 8, count: 16))
        default: return nil
        }
    }

    /// The addresses at which a listener can be reached: its own, or those of all interfaces for `0.0.0.0` and `::`.
    static func expand(_ listening: Multiaddr) -> [Multiaddr] {
        guard let address = listening.ipAddress, address.isUnspecified else { return [listening] }
        let devices = (try? System.enumerateDevices()) ?? []
        let found = devices.compactMap { Multiaddr($0.address)?.ipAddress }.filter { candidate in
            switch (address, candidate) {
            case (.v4, .v4), (.v6, .v6): return true
            default: return false
            }
        }
        return found.map { Multiaddr([.ip($0)] + listening.components.dropFirst()) }
    }
}
