package import PluginKit

/// What the engine's own bytes in a message say; votes and blocks travel beside them. Big-endian, a version and a kind
/// first, no length that is believed.
package enum EnginePayload: Equatable, Sendable {
    /// The first vote is the proposal, the others prove its round; the block comes along.
    case proposal
    case votes
    case status(Status)
    /// Two votes that contradict each other.
    case evidence

    /// Where a validator stands, and what it has: whoever has more sends it.
    package struct Status: Equatable, Sendable {
        package var height: UInt64
        package var round: UInt32
        package var flags: Flags
        /// Zeros: none.
        package var wantedBlock: Bytes32
        package var prepares: [UInt8]
        package var commits: [UInt8]

        package init(
            height: UInt64, round: UInt32, flags: Flags, wantedBlock: Bytes32, prepares: [UInt8], commits: [UInt8]
        ) {
            self.height = height
            self.round = round
            self.flags = flags
            self.wantedBlock = wantedBlock
            self.prepares = prepares
            self.commits = commits
        }

        package struct Flags: OptionSet, Equatable, Sendable {
            package let rawValue: UInt8
            package init(rawValue: UInt8) { self.rawValue = rawValue }

            package static let proposal = Flags(rawValue: 1)
            package static let block = Flags(rawValue: 2)
            package static let prepareQuorum = Flags(rawValue: 4)
            package static let commitQuorum = Flags(rawValue: 8)
            package static let all: Flags = [.proposal, .block, .prepareQuorum, .commitQuorum]
        }
    }

    private static let version: UInt8 = 1
    private static let statusHead = 2 + 8 + 4 + 1 + 32 + 2
    /// No message of this engine is longer.
    package static let limit = statusHead + 2 * ((ValidatorTable.maximumCount + 7) / 8)

    package var bytes: [UInt8] {
        switch self {
        case .proposal: [Self.version, 1]
        case .votes: [Self.version, 2]
        case .status(let status): Self.encode(status)
        case .evidence: [Self.version, 4]
        }
    }

    private static func encode(_ status: Status) -> [UInt8] {
        var bytes: [UInt8] = [version, 3]
        bytes.reserveCapacity(statusHead + 2 * status.prepares.count)
        bytes.appendBigEndian(status.height, 8)
        bytes.appendBigEndian(UInt64(status.round), 4)
        bytes.append(status.flags.rawValue)
        bytes += status.wantedBlock.bytes
        bytes.appendBigEndian(UInt64(status.prepares.count), 2)
        return bytes + status.prepares + status.commits
    }

    /// Nil for bytes that ``bytes`` does not write.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 2, bytes.count <= Self.limit, bytes[0] == Self.version else { return nil }
        switch (bytes[1], bytes.count) {
        case (1, 2): self = .proposal
        case (2, 2): self = .votes
        case (4, 2): self = .evidence
        case (3, Self.statusHead...):
            let size = Int(bytes.bigEndian(at: 47, 2))
            let flags = Status.Flags(rawValue: bytes[14])
            guard bytes.count == Self.statusHead + 2 * size, Status.Flags.all.isSuperset(of: flags),
                let wanted = Bytes32(Array(bytes[15..<47]))
            else { return nil }
            self = .status(
                Status(
                    height: bytes.bigEndian(at: 2, 8), round: UInt32(truncatingIfNeeded: bytes.bigEndian(at: 10, 4)),
                    flags: flags, wantedBlock: wanted,
                    prepares: Array(bytes[Self.statusHead..<Self.statusHead + size]),
                    commits: Array(bytes[(Self.statusHead + size)...])))
        default: return nil
        }
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
