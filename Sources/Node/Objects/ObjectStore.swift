import Glibc
import Primitives

/// Why an object could not be stored or handed out.
public enum ObjectStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknown(CID)
    case tooLarge(bytes: Int, limitBytes: Int)
    /// All objects together would be larger than the store may be.
    case full(limitBytes: Int)
    /// The bytes are not those that the id names.
    case digestMismatch(expected: CID, found: CID)
    case file(FileError)

    public var description: String {
        switch self {
        case .unknown(let id): "no object \(id.text) is stored here"
        case .tooLarge(let bytes, let limit): "the object has \(bytes) bytes; this node takes \(limit) at most"
        case .full(let limit): "the object store is full: \(limit) bytes at most"
        case .digestMismatch(let expected, let found): "the bytes are \(found.text), not \(expected.text)"
        case .file(let error): error.description
        }
    }
}

/// Objects by content id, a file each, in folders by the end of their id.
///
/// Safe from any thread and from several processes: an object is written beside its place and renamed into it, and two
/// writers of one id write the same bytes.
public struct ObjectStore: Sendable {
    public let folder: String
    public let limitBytes: Int
    let space: ObjectSpace?
    let intact = IntactObjects()

    /// - Parameters:
    ///   - limitBytes: the largest object.
    ///   - storeLimitBytes: all objects together; counted by this process from what it finds at its start.
    public init(
        folder: String, limitBytes: Int = 256 << 20, storeLimitBytes: Int? = nil
    ) throws(ObjectStoreError) {
        self.folder = folder
        self.limitBytes = limitBytes
        do { try DurableFile.makeFolder(folder) } catch { throw .file(error) }
        ObjectSpace.tidy(folder)
        space = storeLimitBytes.map { ObjectSpace(limitBytes: $0, folder: folder) }
    }

    /// Stores raw bytes and returns their id; when it returns, the object survives a crash.
    @discardableResult
    public func put(_ bytes: [UInt8], expected: CID? = nil) throws(ObjectStoreError) -> CID {
        guard bytes.count <= limitBytes else { throw .tooLarge(bytes: bytes.count, limitBytes: limitBytes) }
        let id = CID.of(raw: bytes)
        if let expected, expected != id { throw .digestMismatch(expected: expected, found: id) }
        // A damaged file is written again.
        if isIntact(id) { return id }
        let writer = try writer(id)
        try writer.write(bytes)
        _ = try writer.finish()
        return id
    }

    /// Removes an object, if it is here.
    public func remove(_ id: CID) {
        guard let space else {
            unlink(path(of: id))
            return
        }
        space.freeing(path(of: id)) { unlink(path(of: id)) }
    }

    /// Puts a file in an object's place.
    func replace(_ place: String, by partial: String) throws(FileError) {
        guard let space else { return try Self.move(partial, to: place) }
        try space.freeing(place) { () throws(FileError) in try Self.move(partial, to: place) }
    }

    private static func move(_ partial: String, to place: String) throws(FileError) {
        guard rename(partial, place) == 0 else { throw FileError(operation: "rename", path: place, code: errno) }
    }

    /// The object's bytes, checked against the id: a damaged file is never handed out.
    public func get(_ id: CID) throws(ObjectStoreError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try DurableFile.read(path(of: id), limitBytes: limitBytes)
        } catch {
            throw error.code == ENOENT ? .unknown(id) : .file(error)
        }
        let found = CID.of(raw: bytes)
        guard found == id else { throw .digestMismatch(expected: id, found: found) }
        return bytes
    }

    public func contains(_ id: CID) -> Bool { DurableFile.exists(path(of: id)) }

    func path(of id: CID) -> String {
        let text = id.text
        return "\(folder)/\(text.suffix(2))/\(text)"
    }
}
