import Ledger
import Primitives

/// The validator's key for the beacon: proves what the previous beacon and the height give, and nothing else.
struct KeyedBeacon: BeaconSigner {
    let key: SecretKey

    var publicKey: PublicKey { key.publicKey }

    func proveBeacon(_ input: [UInt8]) throws(ConsensusFault) -> [UInt8] {
        guard let proof = VRF.prove(input, with: key) else {
            throw ConsensusFault(code: -1, reason: "the beacon's proof could not be made")
        }
        return proof
    }
}

/// Checks the beacon's proofs (RFC 9381).
struct BeaconCheck: BeaconVerifier {
    func beaconOutput(of proof: [UInt8], by key: PublicKey, over input: [UInt8]) -> [UInt8]? {
        VRF.verify(proof, of: input, by: key)
    }
}
