#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An open file that closes itself: the few calls that files of weights and data need, without Foundation.
final class OpenFile {
    private let descriptor: Int32
    let path: String
    let byteCount: Int

    init(reading path: String) throws(TrainingError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw OpenFile.failure("cannot be opened", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            throw OpenFile.failure("cannot be examined", path)
        }
        self.descriptor = descriptor
        self.path = path
        byteCount = Int(status.st_size)
    }

    /// Creates or empties a file that only its owner may read.
    init(writing path: String) throws(TrainingError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw OpenFile.failure("cannot be created", path) }
        self.descriptor = descriptor
        self.path = path
        byteCount = 0
    }

    deinit { close(descriptor) }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TrainingError) {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw OpenFile.failure("cannot be read", path) }
            guard count > 0 else { throw TrainingError(.truncated, "ends at byte \(offset + done)", at: path) }
            done += count
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws(TrainingError) {
        var done = 0
        while done < buffer.count {
            let count = Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw OpenFile.failure("cannot be written", path) }
            done += count
        }
    }

    func synchronize() throws(TrainingError) {
        guard fsync(descriptor) == 0 else { throw OpenFile.failure("cannot be flushed", path) }
    }

    private static func failure(_ what: String, _ path: String) -> TrainingError {
        TrainingError(.fileUnavailable, "\(what): \(String(cString: strerror(errno)))", at: path)
    }
}

/// Whole files, for small ones.
public enum WholeFile {
    /// Refuses (`tooLarge`) a file above `limit` bytes before reading it.
    public static func read(_ path: String, limit: Int) throws(TrainingError) -> [UInt8] {
        let file = try OpenFile(reading: path)
        guard file.byteCount <= limit else {
            throw TrainingError(.tooLarge, "\(file.byteCount) bytes, at most \(limit) are read", at: path)
        }
        var bytes = [UInt8](repeating: 0, count: file.byteCount)
        var failure: TrainingError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(TrainingError) { try file.read(at: 0, into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes beside the target and renames, so that a reader sees the old file or the new one and nothing between.
    public static func write(_ path: String, _ bytes: [UInt8]) throws(TrainingError) {
        try replace(path) { (file) throws(TrainingError) in
            var failure: TrainingError?
            bytes.withUnsafeBytes { buffer in
                do throws(TrainingError) { try file.write(buffer) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    static func replace(
        _ path: String, _ body: (OpenFile) throws(TrainingError) -> Void
    ) throws(TrainingError) {
        let temporary = path + ".partial"
        do throws(TrainingError) {
            let file = try OpenFile(writing: temporary)
            try body(file)
            try file.synchronize()
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            unlink(temporary)
            throw TrainingError(.fileUnavailable, "cannot be put in place", at: path)
        }
    }
}
