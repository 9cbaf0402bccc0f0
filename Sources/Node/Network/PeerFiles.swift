import Glibc
import Logging
import PeerNetwork
import Primitives

/// The network's own files: its key, and what is known of peers from one life to the next.
struct PeerFiles: Sendable {
    let folder: String

    private static let limitBytes = 32 << 20

    /// The key that peers know this node by; made when it is missing.
    func key(_ path: String) throws -> SecretKey {
        do { return try SecretKey.load(from: path) } catch {
            guard error.code == .notFound else { throw error }
        }
        try DurableFile.makeFolder(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        let key = SecretKey.generate()
        try key.save(to: path)
        return key
    }

    func read(_ logger: Logger) -> SavedPeers {
        var saved = SavedPeers()
        saved.book = content("address-book.dagcbor", logger)
        saved.conduct = content("conduct.dagcbor", logger)
        saved.anchors = content("anchors.dagcbor", logger)
        return saved
    }

    private func content(_ name: String, _ logger: Logger) -> [UInt8] {
        do { return try DurableFile.read("\(folder)/\(name)", limitBytes: Self.limitBytes) } catch {
            if error.code != ENOENT { logger.warning("what was known of peers is lost: \(error)") }
            return []
        }
    }

    /// What cannot be written costs the next life some time, and is logged.
    func write(_ saved: SavedPeers, _ logger: Logger) {
        do {
            try DurableFile.makeFolder(folder)
            try DurableFile.replace("\(folder)/address-book.dagcbor", with: saved.book, mode: 0o600)
            try DurableFile.replace("\(folder)/conduct.dagcbor", with: saved.conduct, mode: 0o600)
            try DurableFile.replace("\(folder)/anchors.dagcbor", with: saved.anchors, mode: 0o600)
        } catch {
            logger.warning("what is known of peers is not kept: \(error)")
        }
    }
}
