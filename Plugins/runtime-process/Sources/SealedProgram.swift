import CSandbox
import CSodium
import Glibc
import PluginKit

/// A task's program: a sealed copy in memory, whose digest was checked. The copy is what runs, so a file that changes
/// after the check changes nothing.
final class SealedProgram {
    /// Open for reading; closed with the last that holds this.
    let descriptor: Int32
    let digest: Bytes32

    /// Copies the file, then checks the copy.
    init(path: String, digest: Bytes32) throws(PluginFailure) {
        self.digest = digest
        descriptor = sandbox_sealed_copy(path)
        guard descriptor >= 0 else {
            throw PluginFailure(.inputOutput, "the program \(path) cannot be read: \(Self.reason(errno))")
        }
        guard try Self.digest(of: descriptor) == digest else {
            throw PluginFailure(.refused, "the program \(path) does not have the digest that was given")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private static func digest(of descriptor: Int32) throws(PluginFailure) -> Bytes32? {
        // libsodium's state is opaque here and wants 64-byte alignment; freed at the end of the call.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
        defer { memory.deallocate() }
        let state = OpaquePointer(memory)
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var digest = [UInt8](repeating: 0, count: 32)
        _ = crypto_generichash_init(state, nil, 0, 32)
        var offset: off_t = 0
        while true {
            let got = pread(descriptor, &chunk, chunk.count, offset)
            guard got >= 0 else { throw PluginFailure(.inputOutput, "the program cannot be read: \(reason(errno))") }
            if got == 0 { break }
            _ = crypto_generichash_update(state, chunk, UInt64(got))
            offset += off_t(got)
        }
        _ = crypto_generichash_final(state, &digest, 32)
        return Bytes32(digest)
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    /// The program that was asked for last, kept for the next task: a site runs the same trainer round after round.
    struct Newest {
        private var kept: SealedProgram?

        init() {}

        /// The program with this digest, read from the path unless it is the one that was asked for last.
        mutating func program(at path: String, digest: Bytes32) throws(PluginFailure) -> SealedProgram {
            if let kept, kept.digest == digest { return kept }
            let program = try SealedProgram(path: path, digest: digest)
            kept = program
            return program
        }
    }
}
