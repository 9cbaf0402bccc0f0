package import PluginKit

/// What the engine's own bytes in a message say; votes and blocks travel beside them. Big-endian, a version and a kind
/// first, no length that is believed.
package enum EnginePayload: Equatable, Sendable {
    /// "I would append this block"; it comes along, the first time.
    case offer(height: UInt64, headerID: Bytes32)
    /// "I have this block, and it is valid."
    case acknowledgement(height: UInt64, headerID: Bytes32)
    case votes
    /// A block that was asked for comes along.
    case block
    case status(Status)

    /// Where a validator stands and what it has: whoever has more sends it.
    package struct Status: Equatable, Sendable {
        package var height: UInt64
        package var round: UInt32
        /// Zeros: none.
        package var wantedBlock: Bytes32
        /// Of the round.
        package var votes: [UInt8]

        package init(height: UInt64, round: UInt32, wantedBlock: Bytes32, votes: [UInt8]) {
            self.height = height
            self.round = round
            self.wantedBlock = wantedBlock
            self.votes = votes
        }
    }

    private static let version: UInt8 = 1
    private static let statusHead = 2 + 8 + 4 + 32 + 2

    package var bytes: [UInt8] {
        switch self {
        case .offer(let height, let id): return Self.place(1, height, id)
        case .acknowledgement(let height, let id): return Self.place(2, height, id)
        case .votes: return [Self.version, 3]
        case .block: return [Self.version, 4]
        case .status(let status):
            var bytes: [UInt8] = [Self.version, 5]
            bytes.appendBigEndian(status.height, 8)
            bytes.appendBigEndian(UInt64(status.round), 4)
            bytes += status.wantedBlock.bytes
            bytes.appendBigEndian(UInt64(status.votes.count), 2)
            return bytes + status.votes
        }
    }

    private static func place(_ kind: UInt8, _ height: UInt64, _ id: Bytes32) -> [UInt8] {
        var bytes: [UInt8] = [version, kind]
        bytes.appendBigEndian(height, 8)
        return bytes + id.bytes
    }

    /// Nil for bytes that ``bytes`` does not write.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 2, bytes[0] == Self.version else { return nil }
        switch (bytes[1], bytes.count) {
        case (1, 42), (2, 42):
            guard let id = Bytes32(Array(bytes[10...])) else { return nil }
            let height = bytes.bigEndian(at: 2, 8)
            self =
                bytes[1] == 1
                ? .offer(height: height, headerID: id) : .acknowledgement(height: height, headerID: id)
        case (3, 2): self = .votes
        case (4, 2): self = .block
        case (5, Self.statusHead...):
            let size = Int(bytes.bigEndian(at: 46, 2))
            guard size <= (Operators.maximumCount + 7) / 8, bytes.count == Self.statusHead + size,
                let wanted = Bytes32(Array(bytes[14..<46]))
            else { return nil }
            self = .status(
                Status(
                    height: bytes.bigEndian(at: 2, 8), round: UInt32(truncatingIfNeeded: bytes.bigEndian(at: 10, 4)),
                    wantedBlock: wanted, votes: Array(bytes[Self.statusHead...])))
        default: return nil
        }
    }
}

/// What must survive a crash: written before each vote, and read at the start (CON-6).
package struct EngineMemory: Equatable, Sendable {
    /// A vote of this validator at the height, and its signature once it has come back.
    package struct OwnVote: Equatable, Sendable {
        package var round: UInt32
        /// Zeros: for no block.
        package var headerID: Bytes32
        package var signature: Bytes64?

        package init(round: UInt32, headerID: Bytes32, signature: Bytes64? = nil) {
            self.round = round
            self.headerID = headerID
            self.signature = signature
        }
    }

    /// The height that is being decided.
    package var height: UInt64 = 0
    package var round: UInt32 = 0
    /// The only block that this round is about; nil for what the log says.
    package var bound: Bytes32?
    /// The newest last; the last one was asked for when this was written.
    package var ownVotes: [OwnVote] = []

    /// Older ones nobody needs: whoever votes in a round has the votes of the one before.
    package static let ownVotesKept = 16

    package init() {}

    private static let version: UInt8 = 1
    private static let headSize = 1 + 8 + 4 + 1 + 32 + 1
    private static let voteSize = 4 + 32 + 1 + 64

    package var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.version]
        bytes.reserveCapacity(Self.headSize + ownVotes.count * Self.voteSize)
        bytes.appendBigEndian(height, 8)
        bytes.appendBigEndian(UInt64(round), 4)
        bytes.append(bound == nil ? 0 : 1)
        bytes += (bound ?? .zero).bytes
        bytes.append(UInt8(clamping: ownVotes.count))
        for vote in ownVotes {
            bytes.appendBigEndian(UInt64(vote.round), 4)
            bytes += vote.headerID.bytes
            bytes.append(vote.signature == nil ? 0 : 1)
            bytes += (vote.signature ?? .zero).bytes
        }
        return bytes
    }

    /// Nil for bytes that ``bytes`` does not write.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headSize, bytes[0] == Self.version, bytes[13] <= 1,
            let bound = Bytes32(Array(bytes[14..<46])),
            bytes.count == Self.headSize + Int(bytes[46]) * Self.voteSize, bytes[46] <= Self.ownVotesKept
        else { return nil }
        height = bytes.bigEndian(at: 1, 8)
        round = UInt32(truncatingIfNeeded: bytes.bigEndian(at: 9, 4))
        self.bound = bytes[13] == 1 ? bound : nil
        for offset in stride(from: Self.headSize, to: bytes.count, by: Self.voteSize) {
            guard let id = Bytes32(Array(bytes[(offset + 4)..<(offset + 36)])),
                let signature = Bytes64(Array(bytes[(offset + 37)..<(offset + 101)]))
            else { return nil }
            ownVotes.append(
                OwnVote(
                    round: UInt32(truncatingIfNeeded: bytes.bigEndian(at: offset, 4)), headerID: id,
                    signature: bytes[offset + 36] == 1 ? signature : nil))
        }
        guard self.bytes == bytes else { return nil }
    }
}

extension [UInt8] {
    mutating func appendBigEndian(_ value: UInt64, _ count: Int) {
        for place in (0..<count).reversed() { append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place))) }
    }

    /// The caller has seen to it that the bytes are there.
    func bigEndian(at offset: Int, _ count: Int) -> UInt64 {
        self[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The engine's section of the genesis: the same on every validator.
package struct EngineParameters: Equatable, Sendable {
    /// From the first waiting transaction to the proposal, where this validator is to propose.
    package var batchMilliseconds: Int64 = 2
    /// A proposal goes out without waiting when so many transactions wait.
    package var transactionsAtOnce: UInt64 = 2_000
    /// The same for the others, who propose where the first does not.
    package var takeoverMilliseconds: Int64 = 500
    /// How long an ordered block may be missing before this validator votes against it; half as much again each round.
    package var missingMilliseconds: Int64 = 5_000

    package init() {}

    package init(_ settings: Settings) throws(PluginFailure) {
        var settings = settings
        if let value = try settings.integer("batch_ms", in: 0...60_000) { batchMilliseconds = value }
        if let value = try settings.integer("transactions_at_once", in: 1...1_000_000) {
            transactionsAtOnce = UInt64(value)
        }
        if let value = try settings.integer("takeover_ms", in: 10...600_000) { takeoverMilliseconds = value }
        if let value = try settings.integer("missing_ms", in: 100...3_600_000) { missingMilliseconds = value }
        try settings.refuseOthers()
    }
}
