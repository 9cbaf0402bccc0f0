import Glibc
import Testing

/// A peer that does as it likes: a socket without any protocol. Blocks for five seconds at most.
final class RawPeer {
    private var descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let address = Self.loopback(port: port)
        let descriptor = descriptor
        let status = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        try #require(status == 0)
    }

    /// A socket that takes connections on a port that the system chooses, and says nothing.
    ///
    /// - Returns: its descriptor, for the caller to close, and the port.
    static func listenInSilence() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port: 0)
        let listens = address.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                var length = socklen_t(bytes.count)
                return bind(descriptor, address.baseAddress, length) == 0
                    && getsockname(descriptor, address.baseAddress, &length) == 0 && listen(descriptor, 4) == 0
            }
        }
        try #require(listens)
        return (descriptor, UInt16(address[2]) << 8 | UInt16(address[3]))
    }

    /// Linux's `sockaddr_in`: family, port and address in network order, and eight bytes of nothing. In bytes, since
    /// which module the structure's members come from depends on what else is loaded.
    private static func loopback(port: UInt16) -> [UInt8] {
        let words = [UInt16(AF_INET).littleEndian, port.bigEndian]
        let head = words.withUnsafeBytes { Array($0) }
        return head + [127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// What comes until the other side closes, or nil when it does not within the limit.
    func readToEnd() -> [UInt8]? {
        var gathered: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return gathered }
            if count < 0 { return nil }
            gathered += buffer[..<count]
        }
    }

    /// The number of descriptors that this process has open.
    static var openDescriptors: Int {
        guard let folder = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }
}
