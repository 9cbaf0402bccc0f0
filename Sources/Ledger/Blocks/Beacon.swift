import Primitives

/// Makes the beacon's proofs with the validator's key, which no kernel holds.
public protocol BeaconSigner: Sendable {
    var publicKey: PublicKey { get }
    /// The RFC 9381 proof (80 bytes) of the key over `input`.
    func proveBeacon(_ input: [UInt8]) throws(ConsensusFault) -> [UInt8]
}

/// The chain's randomness: each block's proposer proves (RFC 9381) a value that only its key could make, from the
/// beacon before and the height, and cannot choose. A proposer alone on its chain can foresee its own beacons.
public enum Beacon {
    /// What the proof is over.
    public static func input(previous: Digest, height: UInt64) -> [UInt8] {
        var encoder = CBOREncoder(capacity: 48)
        encoder.array(count: 2)
        encoder.digest(previous)
        encoder.unsigned(height)
        return signedBytes(kind: "beacon", body: encoder.finish())
    }

    /// The block's beacon, if the proof is the proposer's.
    static func value(
        proof: [UInt8], proposer: PublicKey, previous: Digest, height: UInt64, verifier: any BeaconVerifier
    ) -> Digest? {
        verifier.beaconOutput(of: proof, by: proposer, over: input(previous: previous, height: height))
            .map { Digest.blake2b256($0) }
    }
}

/// Checks the beacon's proofs (RFC 9381); any node does, without a key.
public protocol BeaconVerifier: Sendable {
    /// The 64 bytes that the proof shows, or nil if it is not the key's over the input.
    func beaconOutput(of proof: [UInt8], by key: PublicKey, over input: [UInt8]) -> [UInt8]?
}

/// RFC 9381 (ECVRF-EDWARDS25519-SHA512-TAI): what every chain uses outside of tests.
public struct VRFBeaconVerifier: BeaconVerifier {
    public init() {}

    public func beaconOutput(of proof: [UInt8], by key: PublicKey, over input: [UInt8]) -> [UInt8]? {
        VRF.verify(proof, of: input, by: key)
    }
}

/// Makes RFC 9381 proofs with a key in this process.
public struct VRFBeaconSigner: BeaconSigner {
    private let key: SecretKey

    public init(_ key: SecretKey) { self.key = key }

    public var publicKey: PublicKey { key.publicKey }

    public func proveBeacon(_ input: [UInt8]) throws(ConsensusFault) -> [UInt8] {
        guard let proof = VRF.prove(input, with: key) else {
            throw ConsensusFault(code: 1, reason: "no point of the curve for the beacon's input")
        }
        return proof
    }
}
