import Ledger
import Primitives
import Synchronization

/// Between the kernel's thread and the network: takes what the engine sends to other validators, keeps it for the
/// validators that are connected, and knows who is one.
///
/// Safe from any thread; nothing here waits. Whatever is for a validator that is not connected is dropped: engines send
/// again what they have no answer to.
final class ConsensusOutbox: Sendable {
    /// A validator that is connected: the number tells it from an earlier connection of the same validator.
    struct Link: Sendable {
        let key: PublicKey
        let number: UInt64
        /// Yields when something waits; ends when the link is over.
        let wakes: AsyncStream<Void>
    }

    private struct Line {
        var queue = ConsensusQueue()
        let number: UInt64
        let wake: AsyncStream<Void>.Continuation
    }

    private struct State {
        var lines: [PublicKey: Line] = [:]
        var number: UInt64 = 0
        var current: Set<PublicKey> = []
        /// With the set before.
        var known: Set<PublicKey> = []
        /// Counts the sets.
        var generation: UInt64 = 0
        var height: UInt64 = 0
    }

    private let state = Mutex(State())

    // MARK: For the kernel's thread

    /// The validators of the next height.
    func setValidators(_ validators: Set<PublicKey>, height: UInt64) {
        state.withLock { state in
            state.height = height
            if validators == state.current { return }
            // The set before stays known for as long as the new one is in charge: its messages travel still.
            state.known = validators.union(state.current)
            state.current = validators
            state.generation += 1
        }
    }

    /// Sends to one validator, or to all that are connected.
    func send(_ message: ConsensusMessage, to recipient: PublicKey?, _ priority: ConsensusPriority) {
        let recipients = state.withLock { state in
            recipient.map { state.lines[$0] == nil ? [] : [$0] } ?? Array(state.lines.keys)
        }
        guard !recipients.isEmpty else { return }
        let bytes = message.encoded()
        state.withLock { state in
            for key in recipients where state.lines[key]?.queue.add(bytes, priority) == true {
                state.lines[key]?.wake.yield()
            }
        }
    }

    // MARK: For the network

    /// Changes with the validators.
    var generation: UInt64 { state.withLock { $0.generation } }

    /// Whether the key is or was a validator around this node's height.
    func isValidator(_ key: PublicKey) -> Bool { state.withLock { $0.known.contains(key) } }

    /// The height that the kernel works on.
    var nextHeight: UInt64 { state.withLock { $0.height + 1 } }

    var connected: Set<PublicKey> { state.withLock { Set($0.lines.keys) } }

    /// Begins to keep messages for a validator; an earlier link of it ends.
    func open(_ key: PublicKey) -> Link {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (number, before) = state.withLock { state in
            state.number += 1
            let before = state.lines.updateValue(Line(number: state.number, wake: wake), forKey: key)
            return (state.number, before)
        }
        before?.wake.finish()
        return Link(key: key, number: number, wakes: wakes)
    }

    func next(for link: Link) -> [UInt8]? {
        state.withLock { state in
            guard state.lines[link.key]?.number == link.number else { return nil }
            return state.lines[link.key]?.queue.next()
        }
    }

    func close(_ link: Link) {
        let line = state.withLock { state in
            state.lines[link.key]?.number == link.number ? state.lines.removeValue(forKey: link.key) : nil
        }
        line?.wake.finish()
    }
}
