import Ledger
import Primitives

/// A listing is proven as a whole, whatever part of it is wanted: what is too much for one proof is refused.
enum ListingLimit {
    static let entries = 8_192
    static let bytes = 4 << 20

    static func check(_ prefix: [UInt8], in store: any StateStore) throws(ServiceError) {
        var (count, bytes, start) = (0, 0, [UInt8]())
        while true {
            let entries = store.scan(prefix: prefix, from: start, limit: 256)
            guard let last = entries.last else { return }
            count += entries.count
            bytes += entries.reduce(0) { $0 + $1.path.count + $1.value.count }
            guard count <= Self.entries, bytes <= Self.bytes else {
                throw ServiceError(
                    .tooLarge, "more than \(Self.entries) entries or \(Self.bytes) bytes are below the prefix",
                    hint: "ask for a longer prefix", field: "prefix")
            }
            if entries.count < 256 { return }
            start = last.path + [0]
        }
    }
}
