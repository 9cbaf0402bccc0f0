import CSodium

/// Random bytes from the operating system (`getrandom`, through libsodium). Safe from any thread.
///
/// Never inside a state transition: there the only randomness is the block's beacon.
public struct SecureRandom: RandomNumberGenerator, Sendable {
    public init() {}

    public static func bytes(count: Int) -> [UInt8] {
        Sodium.start()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            if let base = buffer.baseAddress { randombytes_buf(base, count) }
            filled = count
        }
    }

    public mutating func next() -> UInt64 {
        Sodium.start()
        var value: UInt64 = 0
        randombytes_buf(&value, 8)
        return value
    }
}
