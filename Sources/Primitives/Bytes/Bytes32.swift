/// Thirty-two bytes inline, as four words in memory order: what digests, keys and beacon values are made of.
///
/// Words keep the bytes' order in memory, so the raw bytes of the value are the bytes it stands for; comparison swaps
/// them, so that it is the lexicographic order of the bytes on every machine.
@usableFromInline
struct Bytes32: Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline var words: (UInt64, UInt64, UInt64, UInt64)

    @inlinable
    init() { words = (0, 0, 0, 0) }

    /// Copies 32 bytes; the caller has checked that the buffer holds them.
    @inlinable
    init(unchecked source: UnsafeRawPointer) {
        words = (
            source.loadUnaligned(as: UInt64.self),
            source.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            source.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
            source.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
        )
    }

    @usableFromInline
    init?(_ source: some Collection<UInt8>) {
        guard source.count == 32 else { return nil }
        var words = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: source) }
        self.words = words
    }

    /// Lets C write the 32 bytes.
    @inlinable
    init(filledBy body: (UnsafeMutablePointer<UInt8>) -> Void) {
        var words = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &words) { buffer in
            // The tuple is 32 bytes and never empty, so the base address exists.
            if let base = buffer.baseAddress { body(base.assumingMemoryBound(to: UInt8.self)) }
        }
        self.words = words
    }

    @inlinable
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: words) { body($0) }
    }

    @usableFromInline var bytes: [UInt8] { withBytes { [UInt8]($0) } }

    @inlinable
    static func == (left: Bytes32, right: Bytes32) -> Bool {
        left.words.0 == right.words.0 && left.words.1 == right.words.1 && left.words.2 == right.words.2
            && left.words.3 == right.words.3
    }

    @inlinable
    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }

    @inlinable
    static func < (left: Bytes32, right: Bytes32) -> Bool {
        if left.words.0 != right.words.0 { return left.words.0.bigEndian < right.words.0.bigEndian }
        if left.words.1 != right.words.1 { return left.words.1.bigEndian < right.words.1.bigEndian }
        if left.words.2 != right.words.2 { return left.words.2.bigEndian < right.words.2.bigEndian }
        return left.words.3.bigEndian < right.words.3.bigEndian
    }
}
