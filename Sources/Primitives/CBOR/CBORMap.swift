/// A map of text keys in DAG-CBOR's order: shorter keys first, then by bytes. The order of iteration is that order,
/// always.
///
/// Keys are told apart by their bytes; two texts that only Unicode takes for equal are two keys.
public struct CBORMap: Hashable, Sendable {
    public struct Entry: Sendable {
        public let key: String
        public var value: CBORValue

        public init(key: String, value: CBORValue) {
            self.key = key
            self.value = value
        }
    }

    public private(set) var entries: [Entry]

    public init() { entries = [] }

    /// Of two entries with one key the later wins.
    public init(_ pairs: some Sequence<(key: String, value: CBORValue)>) {
        entries = []
        for pair in pairs { self[pair.key] = pair.value }
    }

    /// Entries that a decoder found in order.
    init(inOrder entries: [Entry]) { self.entries = entries }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    public var keys: [String] { entries.map(\.key) }

    public subscript(key: String) -> CBORValue? {
        get {
            let place = position(of: key)
            return place.found ? entries[place.index].value : nil
        }
        set {
            let place = position(of: key)
            switch (newValue, place.found) {
            case (let value?, true): entries[place.index].value = value
            case (let value?, false): entries.insert(Entry(key: key, value: value), at: place.index)
            case (nil, true): entries.remove(at: place.index)
            case (nil, false): break
            }
        }
    }

    private func position(of key: String) -> (index: Int, found: Bool) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if CBORMap.precedes(entries[middle].key, key) { low = middle + 1 } else { high = middle }
        }
        return (low, low < entries.count && !CBORMap.precedes(key, entries[low].key))
    }

    static func precedes(_ left: String, _ right: String) -> Bool {
        let (first, second) = (left.utf8, right.utf8)
        return first.count == second.count ? first.lexicographicallyPrecedes(second) : first.count < second.count
    }
}

extension CBORMap.Entry: Hashable {
    public static func == (left: CBORMap.Entry, right: CBORMap.Entry) -> Bool {
        left.key.utf8.elementsEqual(right.key.utf8) && left.value == right.value
    }

    public func hash(into hasher: inout Hasher) {
        for byte in key.utf8 { hasher.combine(byte) }
        hasher.combine(value)
    }
}
