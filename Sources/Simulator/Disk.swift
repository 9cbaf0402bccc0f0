internal import PluginHost
internal import Primitives

/// A block of the simulator: what matters of it to engines.
struct SimulatedBlock {
    let id: Digest
    let height: UInt64
    let parent: Digest
    let timeMilliseconds: Int64
    /// When it was made, in true time.
    let madeAt: Int64
    let isGood: Bool
}

struct DecidedBlock {
    let block: SimulatedBlock
    let round: UInt32
    let certificate: [ConsensusEffect.VoteSignature]
}

/// What the engine asked to keep: written with the vote that it belongs to, or alone.
struct EngineRecords {
    var state: [UInt8] = []
    var blocks: [Digest: SimulatedBlock] = [:]
}

/// What a node keeps in its database: blocks, the engine's records, and the last vote that its key was granted.
///
/// Each write is one transaction of SQLite in its log with checksums: after a crash it is there or it is not. So a torn
/// write and one without its end are found when the file is opened, and leave what was before. A row that was damaged
/// later fails its own checksum: without the engine's state or a block the node does not start, and its operator
/// restores it; without a kept block it starts and asks others for it.
struct Disk {
    var chain: [DecidedBlock] = []
    var records = EngineRecords()
    var lastVote: ConsensusVote?
    /// Restored from a backup: nothing is signed before a block that is later than this is final.
    var signingHold: Int64?
}
