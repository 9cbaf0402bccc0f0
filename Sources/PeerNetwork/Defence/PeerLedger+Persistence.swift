import Primitives

/// What the command line shows of a peer's conduct.
public struct PeerConduct: Hashable, Sendable {
    public let peer: PeerID
    public let points: Double
    /// How often each offence happened.
    public let counts: [Misconduct: UInt64]
    public let last: Misconduct?
    /// Since the Unix epoch; nil for a peer that is not banned.
    public let bannedUntil: Duration?
    /// Bans so far.
    public let bans: UInt64
}

/// The ledger as DAG-CBOR: `[version, [record …]]` with records of
/// `[peer, milli-points, updated, bannedUntil, bans, last, [[offence, count] …]]`; times in milliseconds since
/// the Unix epoch.
extension PeerLedger {
    private static let version: UInt64 = 1
    /// The largest file that is read, in bytes.
    public static let byteLimit = 4 << 20

    /// All peers with points or bans, the worst first.
    public func snapshot(now: Duration) -> [PeerConduct] {
        records.map { peer, record in
            PeerConduct(
                peer: peer, points: faded(record, now: now), counts: record.counts, last: record.last,
                bannedUntil: bannedUntil(peer, now: now), bans: record.bans)
        }.sorted { ($0.bannedUntil ?? .zero, $0.points, $1.peer) > ($1.bannedUntil ?? .zero, $1.points, $0.peer) }
    }

    public func encoded() -> [UInt8] {
        var encoder = CBOREncoder(capacity: 64 + 96 * records.count)
        encoder.array(count: 2)
        encoder.unsigned(PeerLedger.version)
        encoder.array(count: records.count)
        for (peer, record) in records.sorted(by: { $0.key < $1.key }) {
            encoder.array(count: 7)
            encoder.bytes(peer.bytes)
            encoder.unsigned(UInt64(max(0, min(record.points, 1e9)) * 1000))
            encoder.unsigned(record.updated.persistedMilliseconds)
            encoder.optional(record.bannedUntil.map(\.persistedMilliseconds))
            encoder.unsigned(record.bans)
            encoder.optional(record.last?.rawValue)
            encoder.array(count: record.counts.count)
            for (offence, count) in record.counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                encoder.array(count: 2)
                encoder.unsigned(offence.rawValue)
                encoder.unsigned(count)
            }
        }
        return encoder.finish()
    }

    /// Reads what `encoded` wrote; peers beyond the limit are left out.
    public init(
        decoding bytes: [UInt8], configuration: Configuration = Configuration()
    ) throws(PersistedStateError) {
        guard bytes.count <= PeerLedger.byteLimit else {
            throw .tooLarge(bytes: bytes.count, limit: PeerLedger.byteLimit)
        }
        var version: UInt64 = 0
        var ledger = PeerLedger(configuration: configuration)
        do {
            try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                try decoder.array(count: 2)
                version = try decoder.unsigned()
                guard version == PeerLedger.version else { return try AddressBook.skip(1, &decoder) }
                for _ in 0..<(try decoder.array()) {
                    let (peer, record) = try PeerLedger.record(&decoder)
                    if ledger.records.count < configuration.peerLimit { ledger.records[peer] = record }
                }
            }
        } catch { throw .damaged(error) }
        guard version == PeerLedger.version else { throw .version(version, supported: PeerLedger.version) }
        self = ledger
    }

    private static func record(_ decoder: inout CBORDecoder) throws(CBORError) -> (PeerID, Record) {
        try decoder.array(count: 7)
        guard let peer = try? PeerID(multihash: try decoder.bytes()) else { throw decoder.invalid("no peer id") }
        let points = Double(min(try decoder.unsigned(), 1_000_000_000_000)) / 1000
        var record = Record(points: points, updated: try Duration(persistedMilliseconds: try decoder.unsigned()))
        if let until = try decoder.optional(UInt64.self) {
            record.bannedUntil = try Duration(persistedMilliseconds: until)
        }
        record.bans = min(try decoder.unsigned(), 1_000)
        record.last = try decoder.optional(UInt64.self).flatMap(Misconduct.init(rawValue:))
        for _ in 0..<(try decoder.array()) {
            try decoder.array(count: 2)
            let offence = Misconduct(rawValue: try decoder.unsigned())
            let count = try decoder.unsigned()
            if let offence { record.counts[offence] = min(count, UInt64(Int64.max) - 1) }
        }
        return (peer, record)
    }
}
