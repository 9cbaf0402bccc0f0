import Glibc
import Primitives

/// The changes of many blocks as one: each path once, with its last value, in the order of paths. A restart applies
/// these, so that a path that many blocks touch costs one change of the state, and none costs a descent.
struct ReplayedChanges: Sendable {
    /// A path and its value, one behind the other in `bytes`.
    private struct Entry {
        /// The first bytes of the path as a number, so that most comparisons read nothing else.
        let key: UInt64
        let start: Int
        let pathByteCount: Int32
        /// Negative: deleted.
        let valueByteCount: Int32
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Change sets, and their encoded bytes.
    private(set) var blockCount = 0
    private(set) var changedByteCount = 0

    /// Adds a block's change set, canonical DAG-CBOR; those of earlier blocks were added before.
    mutating func add(_ encoded: UnsafeRawBufferPointer) throws(CBORError) {
        try CBORDecoder.read(encoded.bytes) { (decoder) throws(CBORError) in
            for _ in 0..<(try decoder.array()) { try addNext(&decoder) }
        }
        blockCount += 1
        changedByteCount += encoded.count
    }

    private mutating func addNext(_ decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        let start = bytes.count
        var key: UInt64 = 0
        try decoder.withBytes { path in
            for index in 0..<8 { key = key << 8 | UInt64(index < path.count ? path[index] : 0) }
            bytes.append(contentsOf: path)
        }
        let pathByteCount = bytes.count - start
        var valueByteCount = -1
        if !decoder.skipNull() {
            try decoder.withBytes { bytes.append(contentsOf: $0) }
            valueByteCount = bytes.count - start - pathByteCount
        }
        guard let pathLength = Int32(exactly: pathByteCount), let valueLength = Int32(exactly: valueByteCount) else {
            throw decoder.invalid("a path or value of 2 GiB")
        }
        entries.append(Entry(key: key, start: start, pathByteCount: pathLength, valueByteCount: valueLength))
    }

    /// Sorts by path, and keeps the last change of each.
    mutating func settle() {
        bytes.withUnsafeBytes { bytes in
            // Equal paths stay in the order in which they came, since `start` rises.
            entries.sort { left, right in
                if left.key != right.key { return left.key < right.key }
                let order = ReplayedChanges.order(
                    ReplayedChanges.path(left, bytes), ReplayedChanges.path(right, bytes))
                return order == 0 ? left.start < right.start : order < 0
            }
            var kept = 0
            for index in entries.indices {
                let isLast =
                    index + 1 == entries.count || entries[index].key != entries[index + 1].key
                    || ReplayedChanges.order(
                        ReplayedChanges.path(entries[index], bytes),
                        ReplayedChanges.path(entries[index + 1], bytes)) != 0
                guard isLast else { continue }
                entries[kept] = entries[index]
                kept += 1
            }
            entries.removeLast(entries.count - kept)
        }
    }

    private static func path(_ entry: Entry, _ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[entry.start..<entry.start + Int(entry.pathByteCount)])
    }

    /// Below zero, zero or above, as the left path is before the right one, the same, or after it.
    static func order(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let common = min(left.count, right.count)
        guard common > 0, let first = left.baseAddress, let second = right.baseAddress else {
            return left.count - right.count
        }
        let order = Int(memcmp(first, second, common))
        return order == 0 ? left.count - right.count : order
    }

    /// A walk over several of these as if they were one: on a path that many have, the last one's word counts.
    struct Walk {
        private let parts: [ReplayedChanges]
        private var places: [Int]
        /// The part whose entry is next; nil at the end.
        private var current: Int?

        /// - Parameter parts: settled, those of earlier blocks first.
        init(_ parts: [ReplayedChanges]) {
            self.parts = parts
            places = parts.map { _ in 0 }
            current = nil
            choose()
        }

        /// Hands over the changes up to a path, in order; the value of a deleted path is nil. Without a path: all that
        /// are left. Returns whether the last one was of that very path.
        mutating func advance<Failure: Error>(
            through limit: UnsafeRawBufferPointer?,
            _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws(Failure) -> Void
        ) throws(Failure) -> Bool {
            while let part = current {
                let entry = parts[part].entries[places[part]]
                let order = try parts[part].bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in
                    let bytes = UnsafeRawBufferPointer(buffer)
                    let path = ReplayedChanges.path(entry, bytes)
                    let order = limit.map { ReplayedChanges.order(path, $0) } ?? -1
                    guard order <= 0 else { return order }
                    let end = entry.start + path.count
                    try body(
                        path,
                        entry.valueByteCount < 0
                            ? nil : UnsafeRawBufferPointer(rebasing: bytes[end..<end + Int(entry.valueByteCount)]))
                    return order
                }
                if order > 0 { return false }
                pass(part)
                if order == 0 { return true }
            }
            return false
        }

        /// Moves every part past the path that was handed over.
        private mutating func pass(_ part: Int) {
            for other in parts.indices where other != part && places[other] < parts[other].entries.count {
                if Walk.order(parts, places, other, part) == 0 { places[other] += 1 }
            }
            places[part] += 1
            choose()
        }

        private mutating func choose() {
            current = nil
            for part in parts.indices where places[part] < parts[part].entries.count {
                guard let best = current else {
                    current = part
                    continue
                }
                // On the same path the later part wins.
                if Walk.order(parts, places, part, best) <= 0 { current = part }
            }
        }

        private static func order(_ parts: [ReplayedChanges], _ places: [Int], _ left: Int, _ right: Int) -> Int {
            let (first, second) = (parts[left].entries[places[left]], parts[right].entries[places[right]])
            if first.key != second.key { return first.key < second.key ? -1 : 1 }
            return parts[left].bytes.withUnsafeBytes { leftBytes in
                parts[right].bytes.withUnsafeBytes { rightBytes in
                    ReplayedChanges.order(
                        ReplayedChanges.path(first, leftBytes), ReplayedChanges.path(second, rightBytes))
                }
            }
        }
    }
}
