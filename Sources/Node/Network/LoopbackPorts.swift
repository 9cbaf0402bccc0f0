import Glibc

/// Ports of the loopback interface that are free at this moment, for nodes whose addresses have to be known before they
/// run: a demo of several validators, a benchmark, a test.
public enum LoopbackPorts {
    public struct NoPort: Error, CustomStringConvertible {
        /// The system's `errno`.
        public let code: Int32
        public var description: String { "no free port on the loopback interface: \(String(cString: strerror(code)))" }
    }

    /// - Returns: so many ports; all were bound at the same time, so that they differ, and are let go.
    public static func free(count: Int) throws(NoPort) -> [UInt16] {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        var ports: [UInt16] = []
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0 else { throw NoPort(code: errno) }
            descriptors.append(descriptor)
            ports.append(try bind(descriptor))
        }
        return ports
    }

    /// Binds a socket to a port that the system chooses.
    ///
    /// Linux's `sockaddr_in` as bytes (family, port and address in network order, eight of nothing): which module the
    /// structure's members come from depends on what else is loaded.
    private static func bind(_ descriptor: Int32) throws(NoPort) -> UInt16 {
        let family = UInt16(AF_INET)
        var place: [UInt8] =
            [UInt8(truncatingIfNeeded: family), UInt8(family >> 8), 0, 0]
            + [127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
        let code = place.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                var length = socklen_t(bytes.count)
                return Glibc.bind(descriptor, address.baseAddress, length) == 0
                    && getsockname(descriptor, address.baseAddress, &length) == 0 ? 0 : errno
            }
        }
        guard code == 0 else { throw NoPort(code: code) }
        return UInt16(place[2]) << 8 | UInt16(place[3])
    }
}
