import CSodium

/// A verifiable random function: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381. Only the key's holder can compute the
/// output for an input, everybody can check it, and the holder cannot choose it.
///
/// Points are checked as libsodium checks them: a proof whose points lie outside the prime-order subgroup is refused,
/// where the RFC would accept some that no honest prover makes. All nodes use the same code, so all agree.
public enum VRF {
    public static let proofByteCount = 80
    public static let outputByteCount = 64

    private static let suite: UInt8 = 0x03

    /// The proof of `key` over `input`: Gamma, c and s, 80 bytes (RFC 9381, 5.1). Nil only if no try out of 256 gives a
    /// point of the curve, which has a chance of 2^-256.
    public static func prove(_ input: [UInt8], with key: SecretKey) -> [UInt8]? {
        var expanded = key.withSeed { sha512($0) }
        defer { sodium_memzero(&expanded, expanded.count) }
        var secret = Array(expanded[..<32])
        defer { sodium_memzero(&secret, secret.count) }
        secret[0] &= 0xf8
        secret[31] = secret[31] & 0x7f | 0x40
        let publicKey = key.publicKey.bytes
        guard let hashed = curvePoint(of: input, salt: publicKey), let gamma = multiply(secret, hashed) else {
            return nil
        }

        // 5.4.2.2: the nonce as RFC 8032 makes it, from the second half of the expanded key.
        var nonceInput = expanded[32...] + hashed
        defer { nonceInput.withUnsafeMutableBytes { sodium_memzero($0.baseAddress, $0.count) } }
        var nonce = reduce(nonceInput.withUnsafeBytes { sha512($0) })
        defer { sodium_memzero(&nonce, nonce.count) }
        guard let first = multiplyBase(nonce), let second = multiply(nonce, hashed) else { return nil }
        let challenge = challenge(publicKey, hashed, gamma, first, second)
        var product = [UInt8](repeating: 0, count: 32)
        var response = [UInt8](repeating: 0, count: 32)
        crypto_core_ed25519_scalar_mul(&product, padded(challenge), secret)
        crypto_core_ed25519_scalar_add(&response, nonce, product)
        return gamma + challenge + response
    }

    /// The output of 64 bytes that `proof` shows for `input`, or nil when it is not a proof of `key` (RFC 9381, 5.3).
    public static func verify(_ proof: [UInt8], of input: [UInt8], by key: PublicKey) -> [UInt8]? {
        guard proof.count == proofByteCount else { return nil }
        let publicKey = key.bytes
        let gamma = Array(proof[..<32])
        let challenge = Array(proof[32..<48])
        let response = Array(proof[48...])
        // s is canonical: below the order of the group.
        guard reduce(response + [UInt8](repeating: 0, count: 32)) == response,
            crypto_core_ed25519_is_valid_point(publicKey) == 1, crypto_core_ed25519_is_valid_point(gamma) == 1,
            let hashed = curvePoint(of: input, salt: publicKey)
        else { return nil }
        let scalar = padded(challenge)
        guard let responseBase = multiplyBase(response), let challengeKey = multiply(scalar, publicKey),
            let first = subtract(responseBase, challengeKey),
            let responseHashed = multiply(response, hashed), let challengeGamma = multiply(scalar, gamma),
            let second = subtract(responseHashed, challengeGamma)
        else { return nil }
        guard self.challenge(publicKey, hashed, gamma, first, second) == challenge else { return nil }
        return output(of: gamma)
    }

    /// The output of a proof that is known to be good: the prover's own (RFC 9381, 5.2).
    public static func output(ofProof proof: [UInt8]) -> [UInt8]? {
        proof.count == proofByteCount ? output(of: Array(proof[..<32])) : nil
    }

    private static func output(of gamma: [UInt8]) -> [UInt8]? {
        cleared(gamma).map { sha512([suite, 0x03] + $0 + [0x00]) }
    }

    // MARK: The curve

    /// Try and increment (RFC 9381, 5.4.1.1): the first hash that is a point, times the cofactor.
    private static func curvePoint(of input: [UInt8], salt: [UInt8]) -> [UInt8]? {
        for counter in UInt8.min...UInt8.max {
            let hash = sha512([suite, 0x01] + salt + input + [counter, 0x00])
            let candidate = Array(hash[..<32])
            if isCanonical(candidate), let point = cleared(candidate) { return point }
        }
        return nil
    }

    /// Eight times the point, by three doublings; nil for bytes that are no point of the curve.
    private static func cleared(_ point: [UInt8]) -> [UInt8]? {
        var point = point
        for _ in 0..<3 {
            var doubled = [UInt8](repeating: 0, count: 32)
            guard crypto_core_ed25519_add(&doubled, point, point) == 0 else { return nil }
            point = doubled
        }
        return point
    }

    /// Whether the y coordinate is below the field's prime 2^255 - 19.
    private static func isCanonical(_ point: [UInt8]) -> Bool {
        let isAbove = point[31] & 0x7f == 0x7f && point[1..<31].allSatisfy { $0 == 0xff } && point[0] >= 0xed
        return !isAbove
    }

    private static func multiply(_ scalar: [UInt8], _ point: [UInt8]) -> [UInt8]? {
        var product = [UInt8](repeating: 0, count: 32)
        return crypto_scalarmult_ed25519_noclamp(&product, scalar, point) == 0 ? product : nil
    }

    private static func multiplyBase(_ scalar: [UInt8]) -> [UInt8]? {
        var product = [UInt8](repeating: 0, count: 32)
        return crypto_scalarmult_ed25519_base_noclamp(&product, scalar) == 0 ? product : nil
    }

    private static func subtract(_ left: [UInt8], _ right: [UInt8]) -> [UInt8]? {
        var difference = [UInt8](repeating: 0, count: 32)
        return crypto_core_ed25519_sub(&difference, left, right) == 0 ? difference : nil
    }

    // MARK: Scalars and hashes

    /// The challenge of 16 bytes over the key and four points (RFC 9381, 5.4.3).
    private static func challenge(
        _ key: [UInt8], _ hashed: [UInt8], _ gamma: [UInt8], _ first: [UInt8], _ second: [UInt8]
    ) -> [UInt8] {
        Array(sha512([suite, 0x02] + key + hashed + gamma + first + second + [0x00])[..<16])
    }

    private static func padded(_ challenge: [UInt8]) -> [UInt8] { challenge + [UInt8](repeating: 0, count: 16) }

    /// 64 bytes modulo the order of the group.
    private static func reduce(_ bytes: [UInt8]) -> [UInt8] {
        var scalar = [UInt8](repeating: 0, count: 32)
        crypto_core_ed25519_scalar_reduce(&scalar, bytes)
        return scalar
    }

    private static func sha512(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { sha512($0) } }

    private static func sha512(_ buffer: UnsafeRawBufferPointer) -> [UInt8] {
        Sodium.start()
        var hash = [UInt8](repeating: 0, count: 64)
        _ = crypto_hash_sha512(&hash, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(buffer.count))
        return hash
    }
}
