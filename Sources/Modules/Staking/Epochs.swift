import Ledger
import Primitives

/// Epochs by height and time. An epoch is named by its first height; what is decided at its end holds from the second
/// block after it, so that the sets of an epoch's end certify one block more.
enum Epochs {
    /// Whether stake that left in an epoch is out of reach of evidence.
    static func hasMatured(
        _ firstHeight: UInt64, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) -> Bool {
        // Records of epochs are deleted once they have matured.
        guard let record = try context.load(EpochRecord.self, at: StakingPaths.epoch(firstHeight)) else { return true }
        return isOver(record, parameters, context.block)
    }

    private static func isOver(_ record: EpochRecord, _ parameters: StakingParameters, _ block: BlockInfo) -> Bool {
        parameters.maturity(of: record).map { block.timeMilliseconds >= $0 } ?? false
    }

    /// The epoch whose stake backed votes of a height: the latest that begins below it. Nil where none is kept, or none
    /// of its stake may be held any more.
    static func backing(
        height: UInt64, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) -> UInt64? {
        guard height > 0 else { return nil }
        let prefix = StakingPaths.epochs.bytes
        let start = StakingPaths.epoch(height - 1).bytes
        guard let entry = try context.scan(prefix: prefix, from: start, limit: 1).first,
            let inverted = UInt64(bigEndianBytes: entry.path.dropFirst(prefix.count)),
            let record = try? EpochRecord.decode(entry.value), !isOver(record, parameters, context.block)
        else { return nil }
        return UInt64.max - inverted
    }

    /// Ends the epoch with this block, and begins the next one with the block after it.
    static func turn(
        _ state: inout EpochState, _ parameters: StakingParameters, _ context: inout ModuleContext
    ) throws(Refusal) {
        let block = context.block
        var record = EpochRecord()
        record.lastHeight = block.height
        record.endMilliseconds = block.timeMilliseconds
        try context.save(record, at: StakingPaths.epoch(state.firstHeight))
        state.number += 1
        state.firstHeight = block.height + 1
        state.startMilliseconds = block.timeMilliseconds
        try context.save(EpochRecord(), at: StakingPaths.epoch(state.firstHeight))
        for _ in 0..<recordsPerEnd where state.oldest < state.firstHeight {
            guard let oldest = try context.load(EpochRecord.self, at: StakingPaths.epoch(state.oldest)),
                isOver(oldest, parameters, block)
            else { break }
            try context.remove(at: StakingPaths.epoch(state.oldest))
            state.oldest = oldest.lastHeight + 1
        }
    }

    /// Old records that go at the end of an epoch: more than come.
    private static let recordsPerEnd = 4
}
