import CSodium
import Primitives

/// Randomness that repeats from its seed and that nobody predicts who does not know it: the ChaCha20 stream of the seed
/// (RFC 8439, through libsodium). What peers see of our draws must not tell them the next ones.
public struct PeerRandom: RandomNumberGenerator, Sendable {
    private let seed: [UInt8]
    private var block: UInt64 = 0
    private var words: [UInt64] = []

    private static let wordsInBlock = 64

    /// Draws the seed from the operating system.
    public init() { seed = SecureRandom.bytes(count: Int(crypto_stream_chacha20_KEYBYTES)) }

    /// The same seed gives the same draws: for tests and simulations.
    public init(seed: UInt64) {
        self.seed = Digest.blake2b256((0..<8).map { UInt8(truncatingIfNeeded: seed >> (8 * UInt64($0))) }).bytes
    }

    public mutating func next() -> UInt64 {
        if words.isEmpty { refill() }
        return words.popLast() ?? 0
    }

    public mutating func bytes(count: Int) -> [UInt8] {
        (0..<max(0, count)).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// A number from 0 up to, not including, 1.
    mutating func unit() -> Double { Double(next() >> 11) / Double(UInt64(1) << 53) }

    /// A duration between the two, both of at most some years.
    mutating func duration(from least: Duration, to most: Duration) -> Duration { least + (most - least) * unit() }

    private mutating func refill() {
        let nonce = (0..<8).map { UInt8(truncatingIfNeeded: block >> (8 * UInt64($0))) }
        block &+= 1
        var output = [UInt64](repeating: 0, count: PeerRandom.wordsInBlock)
        output.withUnsafeMutableBytes { buffer in
            // The buffer is not empty; key and nonce have the lengths that the function reads (32 and 8 bytes).
            guard let base = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            _ = crypto_stream_chacha20(base, UInt64(buffer.count), nonce, seed)
        }
        words = output.map { UInt64(littleEndian: $0) }
    }
}

/// A keyed hash whose results nobody steers who does not know the key: SipHash-2-4 (Aumasson, Bernstein 2012).
struct SecretHash: Hashable, Sendable {
    /// Sixteen bytes.
    let key: [UInt8]

    static let keyByteCount = 16

    func callAsFunction(_ parts: [UInt8]...) -> UInt64 {
        var input: [UInt8] = []
        for part in parts {
            // With its length, so that no two lists of parts run together into the same bytes.
            input.append(contentsOf: [
                UInt8(truncatingIfNeeded: part.count >> 8), UInt8(truncatingIfNeeded: part.count),
            ])
            input.append(contentsOf: part)
        }
        var output = [UInt8](repeating: 0, count: 8)
        // Writes 8 bytes and reads a key of 16.
        _ = crypto_shorthash(&output, input, UInt64(input.count), key)
        return output.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension Duration {
    /// Whole milliseconds, as they are persisted; what is out of range counts as the bound.
    var persistedMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < Duration.latestSecond else { return UInt64(Duration.latestSecond) * 1000 }
        return UInt64(seconds) * 1000 + UInt64(attoseconds / 1_000_000_000_000_000)
    }

    /// The year 10,889; later times are refused, so that no sum of times overflows.
    private static let latestSecond: Int64 = 1 << 48

    init(persistedMilliseconds value: UInt64) throws(CBORError) {
        guard value <= UInt64(Duration.latestSecond) * 1000 else {
            throw CBORError(.outOfRange, "a time after the end of all times", at: 0)
        }
        self = .milliseconds(Int64(value))
    }

    /// Seconds as a floating-point number, for decays.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
