import Primitives

/// One number for what a plugin does: the digest of its traces in the checker's scenarios, from fixed seeds.
///
/// Two builds of a plugin, or two plugins that keep the same rules byte for byte, have the same one, whatever their
/// compilers made of them; a change of behaviour that the scenarios see changes it. Jobs name plugins by id, version
/// and this digest. Only sans-IO kinds have one: their traces depend on nothing else.
enum ConformanceDigest {
    /// Raised when a scenario or the form of a trace changes; part of what is hashed.
    private static let domain = "vinculum/conformance/1"
    static let seeds: [UInt64] = [1, 2, 3]

    /// BLAKE2b-256 over the domain, the kind, and for each seed the seed, the trace's length and the trace; numbers are
    /// little-endian, eight bytes.
    static func of(_ traces: [(seed: UInt64, trace: [UInt8])], kind: PluginKind) -> Digest {
        var bytes = Array(domain.utf8) + [0] + Array(kind.rawValue.utf8) + [0]
        for (seed, trace) in traces {
            bytes += Plain.bytes(seed.littleEndian) + Plain.bytes(UInt64(trace.count).littleEndian) + trace
        }
        return Digest.blake2b256(bytes)
    }
}
