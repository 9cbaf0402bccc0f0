import Primitives

/// Objects that were wanted last, up to a number of bytes together. Their ids were checked before they came here.
struct RecentObjects {
    private let limitBytes: Int
    private var objects: [CID: [UInt8]] = [:]
    /// The one that was wanted last at the end.
    private var order: [CID] = []
    private(set) var byteCount = 0

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    mutating func object(_ id: CID) -> [UInt8]? {
        guard let bytes = objects[id] else { return nil }
        order.removeAll { $0 == id }
        order.append(id)
        return bytes
    }

    /// Keeps an object and forgets those that nobody has wanted for longest. One that would leave room for few others
    /// is not kept.
    mutating func keep(_ bytes: [UInt8], as id: CID) {
        guard bytes.count <= limitBytes / 4, objects.updateValue(bytes, forKey: id) == nil else { return }
        order.append(id)
        byteCount += bytes.count
        while byteCount > limitBytes {
            byteCount -= objects.removeValue(forKey: order.removeFirst())?.count ?? 0
        }
    }
}
