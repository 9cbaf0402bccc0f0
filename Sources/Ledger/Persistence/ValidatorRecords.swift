import Primitives
import Storage

/// Sets of validators beside the blocks: each set by its digest, and the heights of the headers that hand over.
enum ValidatorRecords {
    static let sets = "validators"
    static let handovers = "handovers"

    /// What is stored with a block.
    static func of(_ block: CommittedBlock) -> [NamedRecord] {
        guard let set = block.newValidators else { return [] }
        let digest = set.digest.bytes
        return [
            NamedRecord(namespace: sets, change: RecordChange(key: digest, content: set.encoded())),
            NamedRecord(
                namespace: handovers, change: RecordChange(key: key(block.header.height), content: digest)),
        ]
    }

    /// Of the headers that hand over, ascending.
    static func heights(
        in database: LedgerReader, from first: UInt64, limit: Int
    ) throws(LedgerArchiveError) -> [UInt64] {
        let found = try stored { () throws(StorageError) in
            try database.records(in: handovers, from: key(first), limit: limit)
        }
        var heights: [UInt64] = []
        for record in found {
            guard record.key.count == 8 else { throw .corrupt("a handover without a height") }
            heights.append(record.key.reduce(0) { $0 << 8 | UInt64($1) })
        }
        return heights
    }

    /// Most significant byte first: the order of keys is that of heights.
    private static func key(_ height: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: height >> UInt64($0)) }
    }
}
