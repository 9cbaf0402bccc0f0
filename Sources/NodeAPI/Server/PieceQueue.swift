import Node
import Synchronization

/// Hands pieces from one task to another, one at a time: the giver waits until the taker has taken.
final class PieceQueue: ObjectSink, Sendable {
    private struct State {
        var piece: [UInt8]?
        var isFinished = false
        var failure: ServiceError?
        var isAbandoned = false
        var giver: CheckedContinuation<Void, Never>?
        var taker: CheckedContinuation<[UInt8]?, Never>?
    }

    private let state = Mutex(State())

    func write(_ bytes: [UInt8]) async throws(ServiceError) {
        await withCheckedContinuation { continuation in
            let resume = state.withLock { state -> (taker: CheckedContinuation<[UInt8]?, Never>?, giverToo: Bool) in
                if state.isAbandoned { return (nil, true) }
                if let taker = state.taker {
                    state.taker = nil
                    return (taker, true)
                }
                state.piece = bytes
                state.giver = continuation
                return (nil, false)
            }
            resume.taker?.resume(returning: bytes)
            if resume.giverToo { continuation.resume() }
        }
        if state.withLock({ $0.isAbandoned }) { throw ServiceError(.unavailable, "the reader has gone") }
    }

    /// The next piece, or nil after the last one.
    func take() async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> (piece: [UInt8]?, giver: CheckedContinuation<Void, Never>?)? in
                if let piece = state.piece {
                    let giver = state.giver
                    state.piece = nil
                    state.giver = nil
                    return (piece, giver)
                }
                if state.isFinished || state.isAbandoned { return (nil, nil) }
                state.taker = continuation
                return nil
            }
            if let ready {
                ready.giver?.resume()
                continuation.resume(returning: ready.piece)
            }
        }
    }

    /// Why there is no next piece, when that is not the end.
    var failure: ServiceError? { state.withLock { $0.failure } }

    func fail(_ error: ServiceError) {
        end { state in
            state.isFinished = true
            state.failure = error
        }
    }

    func finish() { end { $0.isFinished = true } }
    /// Lets a waiting giver go, and refuses what it gives from then on.
    func abandon() { end { $0.isAbandoned = true } }

    private func end(_ change: @Sendable (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            let result = (taker: state.taker, giver: state.isAbandoned ? state.giver : nil)
            state.taker = nil
            if state.isAbandoned { state.giver = nil }
            return result
        }
        waiting.taker?.resume(returning: nil)
        waiting.giver?.resume()
    }
}
