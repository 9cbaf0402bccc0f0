import NIOCore

/// What a connection makes this node hold is reserved of the host's budget, in steps, so that the budget's lock is
/// taken seldom; what the last step leaves over is not yet held.
extension ConnectionHandler {
    private static let memoryStep = 256 * 1024

    /// Brings the reservation to what is held now. A peer for which there is no more room is cut.
    func account() {
        guard let connection, case .open = phase else { return }
        let step = ConnectionHandler.memoryStep
        let held = max(0, connection.held.value) + session.control.readableBytes
        let wanted = (held + step - 1) / step * step
        // A step of slack, so that a connection at an edge does not go back and forth.
        guard wanted > reserved || wanted + step < reserved else { return }
        do throws(WireError) {
            isTight = try owner.reserve(wanted - reserved, for: connection)
            session.mayWiden = !isTight
            reserved = wanted
        } catch {
            fail(error)
        }
    }

    /// Gives everything back, when the connection ends.
    func releaseMemory(of connection: Connection) {
        guard reserved > 0 else { return }
        // Giving back is never refused.
        _ = try? owner.reserve(-reserved, for: connection)
        reserved = 0
    }
}
