import Primitives

/// A damaged or foreign file in place of an address book or a ledger of conduct.
public enum PersistedStateError: Error, Hashable, Sendable, CustomStringConvertible {
    case damaged(CBORError)
    case version(UInt64, supported: UInt64)
    case tooLarge(bytes: Int, limit: Int)

    public var description: String {
        switch self {
        case .damaged(let error): "\(error) [damaged]"
        case .version(let found, let supported): "version \(found), this program reads \(supported) [version]"
        case .tooLarge(let bytes, let limit): "\(bytes) bytes, of \(limit) at most [tooLarge]"
        }
    }
}

/// The book as DAG-CBOR: `[version, salt, [entry …]]`. The caller writes it to a file that only the node reads: who
/// knows the salt can steer places.
extension AddressBook {
    static let version: UInt64 = 1
    /// The largest file that is read, in bytes: a full book of long addresses is smaller.
    public static let byteLimit = 16 << 20

    public func encoded() -> [UInt8] {
        var encoder = CBOREncoder(capacity: 64 + 160 * entries.count)
        encoder.array(count: 3)
        encoder.unsigned(AddressBook.version)
        encoder.bytes(salt.key)
        let sorted = entries.values.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
        encoder.array(count: sorted.count)
        for entry in sorted { AddressBook.encode(entry, to: &encoder) }
        return encoder.finish()
    }

    /// Reads what `encoded` wrote; entries that have no place under this configuration are left out.
    public init(
        decoding bytes: [UInt8], configuration: Configuration = Configuration()
    ) throws(PersistedStateError) {
        guard bytes.count <= AddressBook.byteLimit else {
            throw .tooLarge(bytes: bytes.count, limit: AddressBook.byteLimit)
        }
        var version: UInt64 = 0
        var book: AddressBook?
        do {
            try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                try decoder.array(count: 3)
                version = try decoder.unsigned()
                guard version == AddressBook.version else { return try AddressBook.skip(2, &decoder) }
                var read = AddressBook(
                    salt: try decoder.bytes(count: SecretHash.keyByteCount), configuration: configuration)
                for _ in 0..<(try decoder.array()) { read.restore(try AddressBook.entry(&decoder)) }
                book = read
            }
        } catch { throw .damaged(error) }
        guard let book else { throw .version(version, supported: AddressBook.version) }
        self = book
    }

    static func skip(_ count: Int, _ decoder: inout CBORDecoder) throws(CBORError) {
        for _ in 0..<count { try decoder.skip() }
    }

    private static func encode(_ entry: Entry, to encoder: inout CBOREncoder) {
        encoder.array(count: 9)
        encoder.bytes(entry.key.peer.bytes)
        encoder.bytes(entry.key.address.bytes)
        encoder.unsigned(entry.sources.reduce(0) { $0 | 1 << $1.rawValue })
        encoder.bytes(entry.tellerRange?.identity ?? [])
        encoder.unsigned(entry.lastSeen.persistedMilliseconds)
        for time in [entry.lastAttempt, entry.lastSuccess, entry.firstSuccess] {
            encoder.optional(time.map(\.persistedMilliseconds))
        }
        encoder.unsigned(UInt64(entry.failures) << 1 | (isTried(entry) ? 1 : 0))
    }

    private static func isTried(_ entry: Entry) -> Bool {
        if case .tried = entry.place { true } else { false }
    }

    private static func entry(_ decoder: inout CBORDecoder) throws(CBORError) -> (entry: Entry, isTried: Bool) {
        try decoder.array(count: 9)
        let peer: PeerID
        let address: Multiaddr
        do {
            peer = try PeerID(multihash: try decoder.bytes())
            address = try Multiaddr(bytes: try decoder.bytes())
        } catch let error as CBORError { throw error } catch {
            throw decoder.invalid("no peer or no address: \(error)")
        }
        let mask = try decoder.unsigned()
        let teller = try range(try decoder.bytes(), &decoder)
        let seen = try Duration(persistedMilliseconds: try decoder.unsigned())
        var times: [Duration?] = []
        for _ in 0..<3 { times.append(try time(&decoder)) }
        let tail = try decoder.unsigned()
        var entry = Entry(
            key: Key(peer, address), range: nil, rangeIdentity: [],
            sources: Set(AddressSource.allCases.filter { mask & (1 << $0.rawValue) != 0 }),
            tellerRange: teller, lastSeen: seen, lastAttempt: times[0], lastSuccess: times[1], firstSuccess: times[2])
        entry.failures = Int(min(tail >> 1, 1_000))
        return (entry, tail & 1 == 1)
    }

    private static func time(_ decoder: inout CBORDecoder) throws(CBORError) -> Duration? {
        guard let value = try decoder.optional(UInt64.self) else { return nil }
        return try Duration(persistedMilliseconds: value)
    }

    /// Puts an entry where it belongs; the first that comes keeps a place.
    private mutating func restore(_ read: (entry: Entry, isTried: Bool)) {
        var entry = read.entry
        (entry.range, entry.rangeIdentity) = rangeAndIdentity(of: entry.key)
        guard entries[entry.key] == nil, addressesOf[entry.key.peer]?.count ?? 0 < configuration.addressesPerPeer else {
            return
        }
        if entry.sources.contains(.configured) {
            insert(entry)
            _ = addConfigured(entry.key)
            return
        }
        if read.isTried, entry.lastSuccess != nil {
            let place = triedPlace(of: entry.key)
            guard tried[place] == nil else { return }
            tried[place] = entry.key
            entry.place = .tried(place)
        } else {
            let place = newPlace(of: entry)
            guard new[place] == nil else { return }
            new[place] = entry.key
            entry.place = .new(place)
        }
        insert(entry)
    }

    /// Reads `AddressRange.identity`.
    private static func range(_ bytes: [UInt8], _ decoder: inout CBORDecoder) throws(CBORError) -> AddressRange? {
        func number(_ part: some Sequence<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch (bytes.first, bytes.count) {
        case (nil, _): return nil
        case (4, 6) where bytes[1] <= 32: return .ip4(UInt32(number(bytes[2...])), bits: Int(bytes[1]))
        case (6, 18) where bytes[1] <= 128:
            return .ip6(number(bytes[2..<10]), number(bytes[10...]), bits: Int(bytes[1]))
        case (1, 2...260):
            guard let name = String(validating: bytes[2...], as: UTF8.self) else { break }
            return .zone(name)
        default: break
        }
        throw decoder.invalid("no address range")
    }
}
