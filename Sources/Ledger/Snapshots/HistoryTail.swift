import Primitives
import Storage

/// What a node needs of the history of transactions before its first block, to go on with the vector and to prove every
/// later slot: on each stored level the digests behind the last complete group of 256. At most 255 digests a level,
/// whatever the history's length, and all of them lead to the history root of a header.
public struct HistoryTail: Hashable, Sendable, CBORCodable {
    struct Run: Hashable, Sendable {
        let level: UInt8
        let first: UInt64
        let hashes: [Digest]
    }

    let runs: [Run]

    /// The places of the digests for a history of `size` leaves.
    private static func places(_ size: UInt64) -> [(level: UInt8, first: UInt64, count: Int)] {
        var places: [(level: UInt8, first: UInt64, count: Int)] = []
        var count = size
        for level in UInt8(0)..<8 where count > 0 {
            let first = count & ~0xff
            if count > first { places.append((level, first, Int(count - first))) }
            count >>= UInt64(TransactionHistory.levelStep)
        }
        return places
    }

    /// Reads the tail of a history of `size` leaves from stored digests; nil if they are not all there.
    public init?(size: UInt64, read: TransactionHistory.Read) {
        var runs: [Run] = []
        for place in HistoryTail.places(size) {
            guard let hashes = read(place.level, place.first, place.count) else { return nil }
            runs.append(Run(level: place.level, first: place.first, hashes: hashes))
        }
        self.runs = runs
    }

    /// Throws unless these are the digests of the history that the header names, no more and no less.
    public func verify(_ header: Header) throws(TrustError) {
        let places = HistoryTail.places(header.historySize)
        guard places.count == runs.count,
            zip(places, runs).allSatisfy({ $0.level == $1.level && $0.first == $1.first && $0.count == $1.hashes.count }
            )
        else { throw TrustError(.wrongHistory, "the digests are not those of \(header.historySize) transactions") }
        let history = try TransactionHistory(size: header.historySize) { level, first, count in
            guard let run = runs.first(where: { $0.level == level }), first >= run.first else { return nil }
            let start = Int(clamping: first - run.first)
            guard start <= run.hashes.count, count <= run.hashes.count - start else { return nil }
            return Array(run.hashes[start..<start + count])
        }
        guard history.root() == header.historyRoot else {
            throw TrustError(.wrongHistory, "the digests lead to another history than header \(header.height) names")
        }
    }

    /// As they are stored.
    var hashRuns: [HashRun] {
        runs.map {
            HashRun(
                tree: LedgerArchive.historyTree, level: $0.level, first: $0.first, hashes: $0.hashes.flatMap(\.bytes))
        }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: runs.count)
        for run in runs {
            encoder.array(count: 3)
            encoder.unsigned(run.level)
            encoder.unsigned(run.first)
            encoder.list(run.hashes)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let count = try decoder.array()
        guard count <= 8 else { throw decoder.invalid("\(count) levels of a history") }
        var runs: [Run] = []
        for _ in 0..<count {
            try decoder.array(count: 3)
            runs.append(
                Run(
                    level: try decoder.unsigned(as: UInt8.self), first: try decoder.unsigned(),
                    hashes: try decoder.list(maximum: 255)))
        }
        self.runs = runs
    }
}
