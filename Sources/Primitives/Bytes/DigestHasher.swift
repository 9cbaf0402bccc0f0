import CSodium

/// BLAKE2b-256 over parts as they come: for files and long messages. One thread at a time; not copyable.
public struct DigestHasher: ~Copyable {
    // libsodium asks for 64-byte alignment of its state. The memory belongs to this value alone, since it cannot be
    // copied, and is freed once, by its deinit.
    private let state: UnsafeMutableRawPointer

    private var opaque: OpaquePointer { OpaquePointer(state) }

    public init() {
        Sodium.start()
        state = UnsafeMutableRawPointer.allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
        _ = crypto_generichash_init(opaque, nil, 0, 32)
    }

    deinit { state.deallocate() }

    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    public mutating func update(_ buffer: UnsafeRawBufferPointer) {
        let input = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        _ = crypto_generichash_update(opaque, input, UInt64(buffer.count))
    }

    /// Ends the hasher.
    public consuming func finish() -> Digest {
        Digest(storage: Bytes32 { _ = crypto_generichash_final(opaque, $0, 32) })
    }
}
