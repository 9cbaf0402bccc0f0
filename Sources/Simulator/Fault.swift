/// What goes wrong on purpose, by the names of the command line.
package enum Fault: String, CaseIterable, Comparable, Sendable {
    // The network.
    case loss, duplicate, delay, reorder, replay, partition
    case asymmetricPartition = "asymmetric-partition"
    case slowPeer = "slow-peer"
    // Disks.
    case tornWrite = "torn-write"
    case truncatedWrite = "truncated-write"
    case bitFlip = "bit-flip"
    case lostSync = "lost-sync"
    case fullDisk = "full-disk"
    // Clocks and processes.
    case clockSkew = "clock-skew"
    case clockJump = "clock-jump"
    case crash
    // Validators that break the rules.
    case twins
    case doubleVote = "double-vote"
    case amnesia
    case badProposals = "bad-proposals"
    case wrongTimes = "wrong-times"
    case silence
    case phantomValidators = "phantom-validators"
    case futureRounds = "future-rounds"
    case invalidSignatures = "invalid-signatures"
    // The validator set.
    case setChange = "set-change"

    package static func < (left: Fault, right: Fault) -> Bool { left.place < right.place }

    /// Place in the list, and in ``FaultCounts``.
    var place: Int { Self.inOrder.firstIndex(of: self) ?? 0 }
    private static let inOrder = allCases

    /// One sentence for people.
    package var meaning: String {
        switch self {
        case .loss: "up to 30 % of messages are lost"
        case .duplicate: "messages arrive twice"
        case .delay: "messages take up to 300 ms"
        case .reorder: "messages overtake one another"
        case .replay: "messages of any time before arrive again"
        case .partition: "two groups do not reach one another"
        case .asymmetricPartition: "some reach others who do not reach them"
        case .slowPeer: "what one validator sends and gets takes up to 2 s more"
        case .tornWrite: "the process ends inside a write, of which a part is on the disk"
        case .truncatedWrite: "the process ends at a write, whose end is not on the disk"
        case .bitFlip: "a record is damaged when the process starts again"
        case .lostSync: "a disk says that it has written, and forgets it in a crash"
        case .fullDisk: "the disk takes no write"
        case .clockSkew: "clocks are wrong by up to a quarter of the precision"
        case .clockJump: "a clock is set forward or back by up to a minute"
        case .crash: "the process ends before or after a write"
        case .twins: "two engines with one key, each with its own part of the network (equivocation)"
        case .doubleVote: "a second, contradicting vote beside each"
        case .amnesia: "twins that forget all at times"
        case .badProposals: "blocks that are not valid"
        case .wrongTimes: "blocks with a time far in the past or the future"
        case .silence: "says nothing"
        case .phantomValidators: "votes and messages of keys that are no validator's"
        case .futureRounds: "votes of far rounds and heights, without end"
        case .invalidSignatures: "votes with signatures that do not hold, without end"
        case .setChange: "more than a third of the power leaves the validator set, and others join"
        }
    }

    /// What a validator does that breaks the rules.
    var treachery: Treachery? {
        switch self {
        case .twins: .twins
        case .doubleVote: .doubleVote
        case .amnesia: .amnesia
        case .badProposals: .badBlocks
        case .wrongTimes: .wrongTimes
        case .silence: .silent
        case .phantomValidators: .phantoms
        case .futureRounds: .futureRounds
        case .invalidSignatures: .badSignatures
        default: nil
        }
    }

    /// Reads a list like `loss,crash`, or `all`, or `none`.
    ///
    /// - Throws: ``UnknownFault`` with the first name that is none.
    package static func list(_ text: String) throws(UnknownFault) -> Set<Fault> {
        if text == "all" { return Set(allCases) }
        if text == "none" { return [] }
        var faults: Set<Fault> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let fault = Fault(rawValue: String(name)) else { throw UnknownFault(name: String(name)) }
            faults.insert(fault)
        }
        return faults
    }

    /// The list that ``list(_:)`` reads.
    package static func text(_ faults: Set<Fault>) -> String {
        if faults.isEmpty { return "none" }
        if faults.count == allCases.count { return "all" }
        return faults.sorted().map(\.rawValue).joined(separator: ",")
    }
}

package struct UnknownFault: Error, Equatable, CustomStringConvertible {
    package let name: String

    package var description: String {
        "there is no fault '\(name)'; there are all, none, "
            + Fault.allCases.map(\.rawValue).joined(separator: ", ")
    }
}

/// How often each fault was done.
package struct FaultCounts: Equatable, Sendable {
    private var counts = [UInt64](repeating: 0, count: Fault.allCases.count)

    package init() {}

    package subscript(fault: Fault) -> UInt64 {
        get { counts[fault.place] }
        set { counts[fault.place] = newValue }
    }

    package mutating func add(_ other: FaultCounts) {
        for place in counts.indices { counts[place] += other.counts[place] }
    }

    package var total: UInt64 { counts.reduce(0, +) }
}
