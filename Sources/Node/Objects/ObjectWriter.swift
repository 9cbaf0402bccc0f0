import Glibc
import Primitives
import Synchronization

/// An object on its way into a store, piece by piece: its bytes go to a file beside its place, are digested as they
/// come, and take their space in the store at once. Used by one task at a time.
///
/// A writer that resumes keeps what it has where it is dropped: the next one of the same object goes on from there, in
/// this life of the node or in the next. What nobody goes on with is removed by `ObjectSpace.tidy`.
final class ObjectWriter: Sendable {
    private struct State: ~Copyable {
        var descriptor: Int32
        var digest = StreamDigest()
        var count = 0
        /// What is there is kept for the next writer.
        var keeps: Bool
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
            state = Mutex(State(descriptor: descriptor, keeps: false))
        } catch {
            throw .file(error)
        }
    }

    /// Goes on with what an earlier writer of the same object left, or begins it. Nil where another one is at work.
    fileprivate init?(resuming store: ObjectStore, _ id: CID) throws(ObjectStoreError) {
        self.store = store
        self.id = id
        let place = store.path(of: id)
        do throws(FileError) {
            try DurableFile.makeFolder(String(place[..<(place.lastIndex(of: "/") ?? place.endIndex)]))
            partial = "\(place).fetch.partial"
            let descriptor = open(partial, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw FileError(operation: "open", path: partial, code: errno) }
            // One writer at a time, over processes too; the lock goes with the descriptor.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                return nil
            }
            var kept = State(descriptor: descriptor, keeps: true)
            try Self.readKept(&kept, partial)
            state = Mutex(kept)
        } catch {
            throw .file(error)
        }
    }

    /// Digests what is there; the next bytes are appended to it. Its space was taken when it was written.
    private static func readKept(_ state: inout State, _ path: String) throws(FileError) {
        while true {
            var code: Int32 = 0
            let descriptor = state.descriptor
            let piece = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
                let got = read(descriptor, buffer.baseAddress, buffer.count)
                count = max(0, got)
                code = got < 0 ? errno : 0
            }
            if code == EINTR { continue }
            guard code == 0 else {
                close(descriptor)
                throw FileError(operation: "read", path: path, code: code)
            }
            if piece.isEmpty { return }
            state.digest.update(piece)
            state.count += piece.count
        }
    }

    /// Bytes that are there.
    var count: Int { state.withLock { $0.count } }

    /// What is there is not the object's: it is not kept.
    func discard() { state.withLock { $0.keeps = false } }

    /// What was not finished leaves nothing.
    deinit {
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            close(state.descriptor)
            guard !state.keeps || state.count == 0 else { return }
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
            guard found == id else {
                state.keeps = false
                throw .digestMismatch(expected: id, found: found)
            }
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

    /// Begins or goes on with an object that comes from elsewhere, and removes what others left long ago. While another
    /// writer goes on with the same object, one that begins anew.
    func resumingWriter(_ id: CID) throws(ObjectStoreError) -> ObjectWriter {
        let freed = ObjectSpace.tidy(folder)
        space?.giveBack(freed)
        if let writer = try ObjectWriter(resuming: self, id) { return writer }
        return try writer(id)
    }
}

/// Hands a stored object out piece by piece, and says at the end whether it was undamaged. Used by one task at a time.
final class ObjectFile: Sendable {
    private let descriptor: Int32
    private let id: CID
    private let path: String
    private let digest = Mutex(StreamDigest())
    /// Whether its bytes were checked before, and not written to since: then they are not digested again.
    let isKnownIntact: Bool
    private let intact: IntactObjects
    private let stamp: IntactObjects.Stamp
    let byteCount: UInt64

    fileprivate init(_ id: CID, path: String, _ intact: IntactObjects) throws(ObjectStoreError) {
        self.id = id
        self.path = path
        self.intact = intact
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
        stamp = IntactObjects.Stamp(status)
        isKnownIntact = intact.knows(id, stamp)
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
            if !isKnownIntact { digest.withLock { $0.update(piece) } }
            return piece
        }
    }

    /// - Throws: `.digestMismatch` where what was read up to the end is not the object.
    func check() throws(ObjectStoreError) {
        guard !isKnownIntact else { return }
        let found = CID(codec: .raw, digest: digest.withLock { $0.finish() } ?? .zero)
        guard found == id else { throw .digestMismatch(expected: id, found: found) }
        intact.note(id, stamp)
    }
}

extension ObjectStore {
    /// Opens an object; its bytes are not checked yet.
    func open(_ id: CID) throws(ObjectStoreError) -> ObjectFile { try ObjectFile(id, path: path(of: id), intact) }

    /// Whether an object is here and undamaged.
    func isIntact(_ id: CID) -> Bool {
        guard let file = try? open(id) else { return false }
        if file.isKnownIntact { return true }
        do throws(ObjectStoreError) {
            while try !file.next(atMost: 1 << 20).isEmpty {}
            try file.check()
            return true
        } catch {
            return false
        }
    }
}
