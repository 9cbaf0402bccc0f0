import CSodium
import Glibc
import NIOPosix

/// What streams are held against: bytes over a TCP connection of the loopback interface, sealed and opened by libsodium
/// in frames as long as those of Noise, by two threads that block. No multiplexer, no flow control but TCP's.
struct RawTransfer: Sendable {
    private static let capacity = 65_519
    private static let tagByteCount = 16
    private static let frame = capacity + tagByteCount
    /// Frames a call of the system: four, as the node gathers them, is faster than one.
    private static let framesPerCall = 4

    private let sender: Int32
    private let receiver: Int32
    private let threads = NIOThreadPool(numberOfThreads: 2)

    init() throws {
        (sender, receiver) = try RawTransfer.connectedSockets()
        threads.start()
    }

    /// Sends so many bytes at least; the seconds until they are read and decrypted.
    func run(_ byteCount: Int) async throws -> Double {
        let frames = (byteCount + RawTransfer.capacity - 1) / RawTransfer.capacity
        let (sender, receiver) = (sender, receiver)
        let start = now()
        async let sent = threads.runIfActive { RawTransfer.send(frames, to: sender) }
        async let opened = threads.runIfActive { RawTransfer.receive(frames, from: receiver) }
        let (sentFrames, openedFrames) = try await (sent, opened)
        let seconds = now() - start
        guard sentFrames == frames, openedFrames == frames else {
            throw NetworkBenchmark.Failure(description: "a plain transfer broke off")
        }
        // The last frame is full too.
        return seconds * Double(byteCount) / Double(frames * RawTransfer.capacity)
    }

    func close() {
        Glibc.close(sender)
        Glibc.close(receiver)
        threads.shutdownGracefully { _ in }
    }

    private static func connectedSockets() throws -> (Int32, Int32) {
        let failure = NetworkBenchmark.Failure(description: "no sockets of the loopback interface")
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let dialer = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(listener) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The system's functions take every address as the head that all addresses share.
        let isConnected = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { head in
                bind(listener, head, length) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, head, &length) == 0 && connect(dialer, head, length) == 0
            }
        }
        guard isConnected else { throw failure }
        let accepted = accept(listener, nil, nil)
        guard accepted >= 0 else { throw failure }
        var on: Int32 = 1
        for descriptor in [dialer, accepted] {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        return (dialer, accepted)
    }

    private static func nonce(_ counter: Int) -> [UInt8] {
        [0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: counter >> (8 * $0)) }
    }

    /// Answers how many frames went out.
    private static func send(_ frames: Int, to descriptor: Int32) -> Int {
        let key = [UInt8](repeating: 7, count: 32)
        let plain = [UInt8](repeating: 0x5a, count: capacity)
        var sealed = [UInt8](repeating: 0, count: frame * framesPerCall)
        var done = 0
        while done < frames {
            let group = min(framesPerCall, frames - done)
            let isSent = sealed.withUnsafeMutableBufferPointer { buffer -> Bool in
                guard let base = buffer.baseAddress else { return false }
                for index in 0..<group {
                    crypto_aead_chacha20poly1305_ietf_encrypt(
                        base + index * frame, nil, plain, UInt64(capacity), nil, 0, nil, nonce(done + index), key)
                }
                var offset = 0
                while offset < group * frame {
                    let count = write(descriptor, base + offset, group * frame - offset)
                    guard count > 0 else { return false }
                    offset += count
                }
                return true
            }
            guard isSent else { return done }
            done += group
        }
        return done
    }

    /// Answers how many frames came in and were authentic.
    private static func receive(_ frames: Int, from descriptor: Int32) -> Int {
        let key = [UInt8](repeating: 7, count: 32)
        var plain = [UInt8](repeating: 0, count: capacity)
        var input = [UInt8](repeating: 0, count: frame * framesPerCall)
        var filled = 0
        var done = 0
        while done < frames {
            let isGood = input.withUnsafeMutableBufferPointer { buffer -> Bool in
                guard let base = buffer.baseAddress else { return false }
                // Never more than what is still to come: the next transfer's bytes stay in the socket.
                let wanted = min(buffer.count, (frames - done) * frame) - filled
                let count = read(descriptor, base + filled, wanted)
                guard count > 0 else { return false }
                filled += count
                var start = 0
                while filled - start >= frame {
                    guard
                        crypto_aead_chacha20poly1305_ietf_decrypt(
                            &plain, nil, nil, base + start, UInt64(frame), nil, 0, nonce(done), key) == 0
                    else { return false }
                    start += frame
                    done += 1
                }
                filled -= start
                if start > 0 { memmove(base, base + start, filled) }
                return true
            }
            guard isGood else { return done }
        }
        return done
    }
}
