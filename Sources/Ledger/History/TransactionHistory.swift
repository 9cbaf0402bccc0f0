import Primitives

/// The ids of all transactions by slot, as an RFC 9162 vector: append-only, with a root in every header.
///
/// Hashes are kept in tiles of 256: tile `position` of level L holds the roots of 256 complete subtrees of 256^L leaves
/// each. Memory holds only the last tile of each level; full tiles are in the database, so that a proof reads a tile a
/// level.
public struct TransactionHistory: Hashable, Sendable {
    public static let tileWidth = 256

    /// A tile that has changed since `takeChangedTiles`.
    public struct Tile: Hashable, Sendable {
        public let level: UInt8
        public let position: UInt64
        public let hashes: [Digest]
    }

    /// Leaves.
    public private(set) var size: UInt64 = 0
    /// By level: the hashes of the tile that is not full.
    private var open: [[Digest]] = []
    private var changed: [Tile] = []
    private var openChanged: [Bool] = []

    public init() {}

    /// Restores a vector of `size` leaves from its open tiles, which `read` finds by level and position.
    public init(size: UInt64, read: (UInt8, UInt64) -> [Digest]?) throws(TrustError) {
        self.size = size
        var units = size
        var level: UInt8 = 0
        while units > 0 {
            let (position, count) = units.quotientAndRemainder(dividingBy: UInt64(TransactionHistory.tileWidth))
            var hashes: [Digest] = []
            if count > 0 {
                guard let found = read(level, position), found.count >= Int(count) else {
                    throw TrustError(.wrongHistory, "tile \(position) of level \(level) is missing or short")
                }
                hashes = Array(found.prefix(Int(count)))
            }
            open.append(hashes)
            openChanged.append(false)
            units = position
            level += 1
        }
    }

    public mutating func append(_ id: Digest) {
        size += 1
        push(VectorHash.leaf(id), level: 0)
    }

    private mutating func push(_ hash: Digest, level: Int) {
        if open.count == level {
            open.append([])
            openChanged.append(false)
        }
        open[level].append(hash)
        openChanged[level] = true
        guard open[level].count == TransactionHistory.tileWidth else { return }
        let full = open[level]
        // Of the units that this level holds with the new one, all but it are in tiles before.
        var unitsOfLevel = size
        for _ in 0..<level { unitsOfLevel /= UInt64(TransactionHistory.tileWidth) }
        let position = (unitsOfLevel - 1) / UInt64(TransactionHistory.tileWidth)
        changed.append(Tile(level: UInt8(level), position: position, hashes: full))
        open[level] = []
        openChanged[level] = false
        push(VectorHash.root(full), level: level + 1)
    }

    /// The root over all leaves so far.
    public func root() -> Digest {
        var tail: Digest?
        for hashes in open {
            let units = hashes + (tail.map { [$0] } ?? [])
            tail = units.isEmpty ? nil : VectorHash.root(units)
        }
        return tail ?? VectorHash.empty
    }

    /// What has to be written so that the vector can be restored and proven: full tiles, and the open ones as they
    /// stand.
    public mutating func takeChangedTiles() -> [Tile] {
        var tiles = changed
        changed = []
        var units = size
        for level in open.indices {
            let position = units / UInt64(TransactionHistory.tileWidth)
            if openChanged[level], !open[level].isEmpty {
                tiles.append(Tile(level: UInt8(level), position: position, hashes: open[level]))
            }
            openChanged[level] = false
            units = position
        }
        return tiles
    }

    /// The siblings that prove the leaf at `slot`; `read` finds full tiles by level and position.
    public func path(to slot: UInt64, read: (UInt8, UInt64) -> [Digest]?) throws(TrustError) -> [Digest] {
        guard slot < size else { throw TrustError(.wrongHistory, "there is no slot \(slot); the next one is \(size)") }
        let width = UInt64(TransactionHistory.tileWidth)
        var path: [Digest] = []
        var (index, units, level) = (slot, size, 0)
        // Up through full tiles, as long as the leaf is in one.
        while index / width < units / width {
            guard let tile = read(UInt8(level), index / width), tile.count == TransactionHistory.tileWidth else {
                throw TrustError(.wrongHistory, "tile \(index / width) of level \(level) is missing")
            }
            path += VectorHash.path(tile, to: Int(index % width))
            (index, units, level) = (index / width, units / width, level + 1)
        }
        var tail: Digest?
        for below in 0..<level {
            let hashes = open[below] + (tail.map { [$0] } ?? [])
            tail = hashes.isEmpty ? nil : VectorHash.root(hashes)
        }
        var place = Int(index % width)
        for upper in level..<open.count {
            let hashes = open[upper] + (tail.map { [$0] } ?? [])
            if upper > level { place = hashes.count - 1 }
            path += VectorHash.path(hashes, to: place)
            tail = VectorHash.root(hashes)
        }
        return path
    }
}
