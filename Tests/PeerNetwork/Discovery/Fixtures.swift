import Glibc
import PeerNetwork
import Primitives

/// Peers, addresses and random mutations for tests of discovery and defence.
enum Fixture {
    /// The peer of a number: a digest, so that its place in the key space is random.
    static func peer(_ number: Int) -> PeerID {
        let digest = Digest.sha256((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }).bytes
        guard let peer = try? PeerID(multihash: [0x12, 0x20] + digest) else {
            preconditionFailure("32 bytes are an id")
        }
        return peer
    }

    static func host(_ a: Int, _ b: Int, _ c: Int, _ d: Int) -> HostAddress {
        .ip4([a, b, c, d].reduce(0) { $0 << 8 | UInt32($1 & 0xff) })
    }

    static func address(_ a: Int, _ b: Int, _ c: Int, _ d: Int, port: UInt16 = 4001) -> Multiaddr {
        Multiaddr([.ip(.v4([a, b, c, d].reduce(0) { $0 << 8 | UInt32($1 & 0xff) })), .tcp(port)])
    }

    /// A public address in a /16 of its own for each of some ten thousand numbers.
    static func ownRange(_ number: Int) -> Multiaddr { address(20 + number / 250 % 80, number % 250, 7, 9) }

    /// The bytes with one to eight changes: bits turned, bytes dropped, put in or repeated.
    static func mutated(_ bytes: [UInt8], random: inout PeerRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 3: bytes[place] = [0, 0x7f, 0x80, 0xc0, 0xff].randomElement(using: &random) ?? 0
            default: bytes = Array(bytes.prefix(place)) + bytes.suffix(from: place / 2)
            }
        }
        return Array(bytes.prefix(4_096))
    }
}

/// How much the tests do that grow with the number of networks or their size. By default as much as every run of the
/// tests can afford; `VINCULUM_LONG_TESTS` in the environment asks for all of it.
enum Extent {
    static let isLong = getenv("VINCULUM_LONG_TESTS") != nil

    static func pick<Value>(_ usual: Value, long: Value) -> Value { isLong ? long : usual }
}
