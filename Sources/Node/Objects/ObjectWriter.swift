import Glibc
import Primitives
import Synchronization

/// An object on its way into a store, piece by piece: its bytes go to a file beside its place, are digested as they
/// come, and take their space in the store at once. Used by one task at a time.
final class ObjectWriter: Sendable {
    private struct State: ~Copyable {
        var descriptor: Int32
        var digest = StreamDigest()
        var count = 0
    }

    private let store: ObjectStore
    private let id: CID
    private let partial: String
    private let state: Mutex<State>

    fileprivate init(_ store: ObjectStore, _ id: CID) throws(ObjectStoreError) {
        self.store = store
        self.id = id
        let place = store.path(of: id)
        do throws(FileError) {
            try DurableFile.makeFolder(String(place[..<(place.lastIndex(of: "/") ?? place.endIndex)]))
            partial = DurableFile.temporaryPath(beside: place)
            let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw FileError(operation: "create", path: partial, code: errno) }
            state = Mutex(State(descriptor: descriptor))
        } catch {
            throw .file(error)
        }
    }

    /// What was not finished leaves nothing.
    deinit {
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            close(state.descriptor)
            unlink(partial)
            store.space?.giveBack(state.count)
        }
    }

    func write(_ bytes: [UInt8]) throws(ObjectStoreError) {
        try state.withLock { (state) throws(ObjectStoreError) in
            let total = state.count + bytes.count
            guard total <= store.limitBytes else {
                throw .tooLarge(bytes: total, limitBytes: store.limitBytes)
            }
            guard store.space?.take(bytes.count) ?? true else {
                throw .full(limitBytes: store.space?.limitBytes ?? 0)
            }
            state.count = total
            state.digest.update(bytes)
            do throws(FileError) {
                try DurableFile.append(bytes, to: state.descriptor, path: partial)
            } catch {
                throw .file(error)
            }
        }
    }

    /// Puts the object in its place; when this returns, it survives a crash.
    ///
    /// - Returns: its size.
    func finish() throws(ObjectStoreError) -> Int {
        try state.withLock { (state) throws(ObjectStoreError) in
            let found = CID(codec: .raw, digest: state.digest.finish() ?? .zero)
            guard found == id else { throw .digestMismatch(expected: id, found: found) }
            let place = store.path(of: id)
            do throws(FileError) {
                guard fsync(state.descriptor) == 0 else {
                    throw FileError(operation: "fsync", path: partial, code: errno)
                }
                try store.replace(place, by: partial)
            } catch {
                throw .file(error)
            }
            close(state.descriptor)
            state.descriptor = -1
            do throws(FileError) { try DurableFile.syncFolder(of: place) } catch { throw .file(error) }
            return state.count
        }
    }
}

extension ObjectStore {
    /// Begins to store an object that comes in pieces.
    func writer(_ id: CID) throws(ObjectStoreError) -> ObjectWriter { try ObjectWriter(self, id) }
}

/// Hands a stored object out piece by piece, and says at the end whether it was undamaged. Used by one task at a time.
final class ObjectFile: Sendable {
    private let descriptor: Int32
    private let id: CID
    private let path: String
    private let digest = Mutex(StreamDigest())
    let byteCount: UInt64

    fileprivate init(_ id: CID, path: String) throws(ObjectStoreError) {
        self.id = id
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .unknown(id) : .file(FileError(operation: "open", path: path, code: errno))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .file(FileError(operation: "stat", path: path, code: code))
        }
        byteCount = UInt64(status.st_size)
    }

    deinit { close(descriptor) }

    /// Bytes from a place on, without moving where `next` reads; fewer at the end of the file. Not checked against the
    /// id: whoever puts the pieces together does.
    func piece(at offset: UInt64, count: Int) throws(ObjectStoreError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                let got = pread(descriptor, base + filled, count - filled, off_t(offset) + off_t(filled))
                if got < 0 && errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        guard failure == 0 else { throw .file(FileError(operation: "read", path: path, code: failure)) }
        return bytes
    }

    /// The next bytes; none at the end.
    func next(atMost limit: Int) throws(ObjectStoreError) -> [UInt8] {
        while true {
            var code: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                let got = read(descriptor, buffer.baseAddress, limit)
                count = max(0, got)
                code = got < 0 ? errno : 0
            }
            if code == EINTR { continue }
            guard code == 0 else { throw .file(FileError(operation: "read", path: path, code: code)) }
            digest.withLock { $0.update(piece) }
            return piece
        }
    }

    /// - Throws: `.digestMismatch` where what was read up to the end is not the object.
    func check() throws(ObjectStoreError) {
        let found = CID(codec: .raw, digest: digest.withLock { $0.finish() } ?? .zero)
        guard found == id else { throw .digestMismatch(expected: id, found: found) }
    }
}

extension ObjectStore {
    /// Opens an object; its bytes are not checked yet.
    func open(_ id: CID) throws(ObjectStoreError) -> ObjectFile { try ObjectFile(id, path: path(of: id)) }

    /// Whether an object is here and undamaged.
    func isIntact(_ id: CID) -> Bool {
        guard let file = try? open(id) else { return false }
        do throws(ObjectStoreError) {
            while try !file.next(atMost: 1 << 20).isEmpty {}
            try file.check()
            return true
        } catch {
            return false
        }
    }
}
