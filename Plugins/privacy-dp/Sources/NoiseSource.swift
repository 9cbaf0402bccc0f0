import CSodium

/// A stream of independent uniform 64-bit words.
///
/// The samplers are generic over it, so that tests can replay a seeded stream; the plugin itself only ever uses
/// ``ChaChaSource``. Not thread-safe: one source belongs to one lane.
protocol WordSource: ~Copyable {
    mutating func nextWord() -> UInt64
}

/// The cryptographic source of all noise: ChaCha20 keyed by the entropy that the host draws for each round, with fast
/// key erasure.
///
/// Each refill produces a fresh key and a buffer of words from the old key, then overwrites the old key, and each word
/// is cleared when it is handed out: whoever reads the memory of the process later cannot compute the noise that was
/// added before. A key never comes from what others know of a job or a round (two rounds with equal noise would cancel
/// it). Source: D. J. Bernstein, "Fast-key-erasure random-number generators", 2017.
struct ChaChaSource: WordSource, ~Copyable {
    static let keyByteCount = 32
    private static let wordCount = 1024

    // A private heap buffer, written only through this non-copyable owner and freed by its deinit; raw, because each
    // word is written by libsodium, read once and cleared, without bounds or uniqueness checks in the innermost loop.
    private let words: UnsafeMutablePointer<UInt64>
    private let key: UnsafeMutablePointer<UInt8>
    private var position = ChaChaSource.wordCount

    /// - Parameter seed: exactly 32 random bytes from the host; the caller wipes its copy.
    init?(seed: borrowing Span<UInt8>) {
        // Chooses libsodium's vector code; without it the portable code runs, four times slower. Idempotent.
        guard seed.count == Self.keyByteCount, sodium_init() >= 0 else { return nil }
        words = .allocate(capacity: Self.wordCount)
        words.initialize(repeating: 0, count: Self.wordCount)
        key = .allocate(capacity: Self.keyByteCount)
        for index in 0..<Self.keyByteCount { key[index] = seed[index] }
    }

    deinit {
        sodium_memzero(words, Self.wordCount * 8)
        sodium_memzero(key, Self.keyByteCount)
        words.deallocate()
        key.deallocate()
    }

    @inline(__always)
    mutating func nextWord() -> UInt64 {
        if position == Self.wordCount { refill() }
        let word = words[position]
        words[position] = 0
        position += 1
        return word
    }

    /// The nonce is constant (zero) because every key is used for exactly one buffer.
    @inline(never)
    private mutating func refill() {
        let nonce = InlineArray<8, UInt8>(repeating: 0)
        let bytes = UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt8.self)
        nonce.span.withUnsafeBufferPointer { nonceBytes in
            // libsodium's stream cannot fail: both pointers are ours and the length is constant.
            if let start = nonceBytes.baseAddress {
                _ = crypto_stream_chacha20(bytes, UInt64(Self.wordCount * 8), start, key)
            }
        }
        // The first 32 bytes become the next key and are never handed out.
        let keyWords = Self.keyByteCount / 8
        UnsafeMutableRawPointer(key).copyMemory(from: words, byteCount: Self.keyByteCount)
        for index in 0..<keyWords { words[index] = 0 }
        position = keyWords
    }
}
