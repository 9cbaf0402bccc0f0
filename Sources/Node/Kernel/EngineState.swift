import Ledger
import Primitives
import Storage

/// What the consensus engine asked to keep over a crash: bytes of its own, and the blocks that its key is bound to.
/// Both are written in one transaction, with the vote that depends on them.
///
/// An engine that comes into charge finds nothing that another one has written, nor what it wrote itself before another
/// was in charge.
struct EngineState {
    let activation: EngineActivation
    let state: [UInt8]
    let blocks: [Block]

    static let namespace = "engine"
    private static let statePrefix: [UInt8] = Array("state/".utf8)
    private static let blockPrefix: [UInt8] = Array("block/".utf8)

    private static func key(_ activation: EngineActivation) -> [UInt8] {
        statePrefix + Array("\(activation.engine)/\(activation.height)".utf8)
    }
    private static func key(_ id: Digest) -> [UInt8] { blockPrefix + id.bytes }

    /// What changes on disk, where the blocks `kept` lie already: each block is written once.
    func records(kept: Set<Digest>) -> [RecordChange] {
        let wanted = blocks.map { ($0.header.id, $0) }
        var changes = [RecordChange(key: Self.key(activation), content: state)]
        for (id, block) in wanted where !kept.contains(id) {
            changes.append(RecordChange(key: Self.key(id), content: block.encoded()))
        }
        for id in kept.subtracting(wanted.map(\.0)).sorted() {
            changes.append(RecordChange(key: Self.key(id), content: nil))
        }
        return changes
    }

    /// The ids that lie on disk once ``records(kept:)`` is written.
    var ids: Set<Digest> { Set(blocks.map(\.header.id)) }

    /// The bytes of an earlier life; empty before the first.
    static func savedBytes(
        _ archive: LedgerArchive, of activation: EngineActivation
    ) throws(StorageError) -> [UInt8] {
        try archive.database.record(key(activation), in: namespace) ?? []
    }

    /// Deletes what engines wrote that are no longer in charge.
    static func forgetOthers(_ archive: LedgerArchive, than activation: EngineActivation) throws(StorageError) {
        let stale = try archive.database.records(in: namespace, from: statePrefix).map(\.key).filter {
            $0.starts(with: statePrefix) && $0 != key(activation)
        }
        guard !stale.isEmpty else { return }
        try archive.database.write(stale.map { RecordChange(key: $0, content: nil) }, in: namespace)
    }

    /// The blocks of an earlier life. One that cannot be read is not there: others have it.
    static func savedBlocks(_ archive: LedgerArchive) throws(StorageError) -> [Block] {
        try archive.database.records(in: namespace, from: blockPrefix).compactMap { record in
            guard record.key.starts(with: blockPrefix), let block = try? Block.decode(record.content) else {
                return nil
            }
            return key(block.header.id) == record.key ? block : nil
        }
    }
}
