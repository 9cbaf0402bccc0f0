package import PluginKit

/// Where an entry stands: each round of a height has one place, and each place takes one entry, the first.
package struct LogPlace: Hashable, Comparable, Sendable {
    package let height: UInt64
    package let round: UInt32

    package init(height: UInt64, round: UInt32) {
        self.height = height
        self.round = round
    }

    package static func < (left: LogPlace, right: LogPlace) -> Bool {
        (left.height, left.round) < (right.height, right.round)
    }
}

/// What stands at a place.
package enum LogEntry: Hashable, Sendable {
    case block(Bytes32)
    /// Something that no validator wrote.
    case foreign
}

/// What the log tells the engine. It may be late, repeated, out of order, or lost.
package enum LogEvent: Hashable, Sendable {
    case entry(LogPlace, LogEntry)
    /// Who is to propose, as far as the log knows: a hint, and nothing depends on it but speed.
    case cutter(Bytes32?)
}

/// What the engine asks of the log. Nothing answers but the entry itself.
package enum LogRequest: Hashable, Sendable {
    /// From now on the entries of this height and of those above count. `cutter` is this node's key where it would
    /// propose blocks.
    case follow(chain: Bytes32, height: UInt64, cutter: Bytes32?)
    /// This node needs the log no more: it does not vote.
    case leave
    /// Writes the block's id where nothing stands yet; goes on trying until something does. Takes the place of an
    /// earlier one that is still under way.
    case append(LogPlace, Bytes32)
}
