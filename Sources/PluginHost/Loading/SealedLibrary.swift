import CIsolation
import Glibc
import Primitives

/// A library's bytes in a sealed memory file: copied, sealed, then hashed, so that what was checked is what runs.
///
/// The descriptor closes with the object, unless the loader has seen it: the loader remembers a library by its path,
/// and a reused descriptor would load another plugin's code. The memory file cannot change, which is why sharing one
/// object between threads is safe.
public final class SealedLibrary: Sendable {
    public let descriptor: Int32
    public let sha256: Digest
    public let path: String

    /// At most 512 MiB.
    public static let sizeLimit = 512 << 20

    public init(path: String) throws(PluginError) {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw Files.fault(path, "open", errno) }
        defer { close(source) }
        var information = stat()
        guard fstat(source, &information) == 0 else { throw Files.fault(path, "stat", errno) }
        guard information.st_mode & S_IFMT == S_IFREG, information.st_size <= Self.sizeLimit else {
            throw PluginError(.load, plugin: path, call: "load", "not a regular file, or longer than 512 MiB")
        }
        let bytes = try Files.bytes(source, path: path, limit: Self.sizeLimit)
        let memory = isolation_memory_file("vinculum-plugin", 1)
        guard memory >= 0 else { throw Files.fault(path, "memory file", -memory) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(memory, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let number = errno
                close(memory)
                throw Files.fault(path, "memory file", number)
            }
            written += count
        }
        let sealed = isolation_seal(memory)
        guard sealed == 0, isolation_is_sealed(memory) == 1 else {
            close(memory)
            throw Files.fault(path, "seal", -sealed)
        }
        // What is hashed is the sealed file itself, not the bytes that were meant for it.
        lseek(memory, 0, SEEK_SET)
        sha256 = Digest.sha256(try Files.bytes(memory, path: path, limit: Self.sizeLimit))
        descriptor = memory
        self.path = path
    }

    /// The library that a host has sealed, checked and handed to this child process.
    init(inherited descriptor: Int32, plugin: String) throws(PluginError) {
        guard isolation_is_sealed(descriptor) == 1 else {
            throw PluginError(.digest, plugin: plugin, call: "load", "the library's memory file is not sealed")
        }
        lseek(descriptor, 0, SEEK_SET)
        sha256 = Digest.sha256(try Files.bytes(descriptor, path: plugin, limit: Self.sizeLimit))
        self.descriptor = descriptor
        path = plugin
    }

    deinit { close(descriptor) }

    /// Keeps the descriptor open for the life of the process.
    func keepForEver() { _ = Unmanaged.passRetained(self) }

    /// The very bytes that were hashed.
    func bytes() throws(PluginError) -> [UInt8] {
        // By a path, so that nobody else's position in the file moves.
        try Files.bytes("/proc/self/fd/\(descriptor)", limit: Self.sizeLimit)
    }

    /// Refuses another digest than the promised one.
    public func check(_ promised: Digest, plugin: String) throws(PluginError) {
        guard sha256 == promised else {
            throw PluginError(
                .digest, plugin: plugin, call: "load",
                "\(path) has the sha256 \(sha256.hex), the manifest promises \(promised.hex)")
        }
    }
}
