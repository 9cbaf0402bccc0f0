import Primitives
import Storage

extension LedgerArchive {
    /// An event with its place in the log: the cursor of whoever has seen it.
    public struct LoggedEvent: Hashable, Sendable {
        public let cursor: UInt64
        public let height: UInt64
        public let event: Event
    }

    /// Events after a cursor (0 at first), in order, and the cursor to go on from. Delivered at least once: a
    /// subscriber stores the cursor after it has acted. After `blockLimit` blocks the page ends, and is not at the end.
    public func events(
        after cursor: UInt64, module: String? = nil, kind: String? = nil, pathPrefix: [UInt8]? = nil,
        account: AccountID? = nil, limit: Int = 1_000, blockLimit: Int = .max
    ) throws(LedgerArchiveError) -> (events: [LoggedEvent], next: UInt64, isAtEnd: Bool) {
        let filter = EventFilter(module: module, kind: kind, pathPrefix: pathPrefix, account: account?.bytes)
        let page = try stored { () throws(StorageError) in
            try database.events(after: cursor, matching: filter, limit: limit, blockLimit: blockLimit)
        }
        var events: [LoggedEvent] = []
        for found in page.events {
            var accounts: [AccountID] = []
            for bytes in found.event.accounts {
                do { accounts.append(try AccountID(bytes: bytes)) } catch {
                    throw .corrupt("event \(found.sequence): \(error)")
                }
            }
            events.append(
                LoggedEvent(
                    cursor: found.sequence, height: found.height,
                    event: Event(
                        module: found.event.module, kind: found.event.kind, path: found.event.path, accounts: accounts,
                        payload: found.event.payload)))
        }
        return (events, page.next, page.isAtEnd)
    }

    // MARK: Receipts

    /// Receipts as they are stored: the number of the block's first event, then code, fee, units and number of events
    /// of each. The events themselves are in the log and not written twice.
    func encodeReceipts(_ receipts: [Receipt]) throws(LedgerArchiveError) -> [UInt8] {
        let last = try stored { () throws(StorageError) in try database.lastSequence() }
        var encoder = CBOREncoder(capacity: 16 + 24 * receipts.count)
        encoder.array(count: 2)
        encoder.unsigned(last)
        encoder.array(count: receipts.count)
        for receipt in receipts {
            encoder.array(count: 4)
            encoder.integer(receipt.code.rawValue)
            encoder.value(receipt.fee)
            encoder.unsigned(receipt.units)
            encoder.unsigned(UInt64(receipt.events.count))
        }
        return encoder.finish()
    }

    func decodeReceipts(_ bytes: [UInt8], height: UInt64) throws(LedgerArchiveError) -> [Receipt] {
        var before: UInt64 = 0
        var counts: [Int] = []
        let bare = try decoded("receipts of \(height)") { () throws(CBORError) in
            try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                try decoder.array(count: 2)
                before = try decoder.unsigned()
                let count = try decoder.array()
                var receipts: [Receipt] = []
                for _ in 0..<count {
                    try decoder.array(count: 4)
                    receipts.append(
                        Receipt(
                            code: ResultCode(rawValue: try decoder.integer(as: Int32.self)), fee: try decoder.value(),
                            units: try decoder.unsigned(), events: []))
                    counts.append(Int(try decoder.unsigned(as: UInt32.self)))
                }
                return receipts
            }
        }
        let total = counts.reduce(0, +)
        guard total > 0 else { return bare }
        let found = try events(after: before, limit: total).events
        guard found.count == total, found.allSatisfy({ $0.height == height }) else {
            throw .corrupt("the events of block \(height) are not in the log")
        }
        var next = 0
        return zip(bare, counts).map { receipt, count in
            defer { next += count }
            return Receipt(
                code: receipt.code, fee: receipt.fee, units: receipt.units,
                events: found[next..<next + count].map(\.event))
        }
    }
}
