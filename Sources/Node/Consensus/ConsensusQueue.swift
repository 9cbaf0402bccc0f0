import Ledger

/// What waits for one validator: votes before blocks before what is asked for again when it is lost. Bounded: a
/// validator that does not read loses the least of it, and asks for it later.
struct ConsensusQueue {
    private var lines: [[[UInt8]]] = [[], [], []]
    private(set) var byteCount = 0
    private let limitBytes: Int

    /// Two of the largest blocks, with votes.
    init(limitBytes: Int = 2 * ChainProtocol.blockByteLimit) {
        self.limitBytes = limitBytes
    }

    /// Adds a message; where there is no room, what is of less or the same priority goes, oldest first. False when the
    /// message itself is dropped, since all that waits is of more.
    mutating func add(_ message: [UInt8], _ priority: ConsensusPriority) -> Bool {
        var room = limitBytes - byteCount
        var line = lines.count - 1
        while room < message.count, line >= Int(priority.rawValue) {
            guard !lines[line].isEmpty else {
                line -= 1
                continue
            }
            let dropped = lines[line].removeFirst().count
            byteCount -= dropped
            room += dropped
        }
        guard room >= message.count else { return false }
        lines[Int(priority.rawValue)].append(message)
        byteCount += message.count
        return true
    }

    /// What is sent next.
    mutating func next() -> [UInt8]? {
        for line in lines.indices where !lines[line].isEmpty {
            let message = lines[line].removeFirst()
            byteCount -= message.count
            return message
        }
        return nil
    }
}
