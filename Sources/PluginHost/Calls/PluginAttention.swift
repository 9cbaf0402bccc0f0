import CIsolation
import Glibc
import Synchronization

/// What a plugin's own threads say to the host: that they want a call, and what keeps them from their work.
///
/// Any thread; nothing here waits.
final class PluginAttention: Sendable {
    static let sentenceByteLimit = 1024

    private struct State {
        var isAwake = false
        var complaint: String?
        /// A pipe that holds a byte while a wake is not taken; -1 for none.
        var ends: (read: Int32, write: Int32) = (-1, -1)
    }

    private let state = Mutex(State())

    /// - Parameter hasDescriptor: whether someone sleeps until a wake comes. Without a pipe, wakes are seen when asked.
    init(hasDescriptor: Bool = false) {
        guard hasDescriptor else { return }
        var ends: [Int32] = [-1, -1]
        guard isolation_pipe(&ends) == 0 else { return }
        let made = (read: ends[0], write: ends[1])
        state.withLock { $0.ends = made }
    }

    var descriptor: Int32? { state.withLock { $0.ends.read < 0 ? nil : $0.ends.read } }

    var complaint: String? { state.withLock { $0.complaint } }

    var isAwake: Bool { state.withLock { $0.isAwake } }

    func wake() {
        state.withLock { state in
            guard !state.isAwake else { return }
            state.isAwake = true
            var byte: UInt8 = 1
            if state.ends.write >= 0 { _ = write(state.ends.write, &byte, 1) }
        }
    }

    func complain(_ sentence: String) {
        state.withLock { $0.complaint = sentence.isEmpty ? nil : sentence }
    }

    func takeWake() -> Bool {
        state.withLock { state in
            guard state.isAwake else { return false }
            state.isAwake = false
            var byte: UInt8 = 0
            if state.ends.read >= 0 { _ = read(state.ends.read, &byte, 1) }
            return true
        }
    }

    /// The instance is gone: a plugin's thread that is late speaks to nobody.
    func close() {
        state.withLock { state in
            if state.ends.read >= 0 { Glibc.close(state.ends.read) }
            if state.ends.write >= 0 { Glibc.close(state.ends.write) }
            state.ends = (-1, -1)
        }
    }
}
