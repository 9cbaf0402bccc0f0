import Synchronization

/// What peers make this host hold, within `PeerHostConfiguration.memory`.
extension PeerHost {
    /// Takes bytes for a connection, or gives them back where there are fewer; whether there is so little room that its
    /// windows stay as they are and it opens no more streams.
    ///
    /// Where one peer or one address range holds too much, it is refused. Where all together do, the peer that holds
    /// most is disconnected, and whoever asked goes on: an honest peer does not pay for what others hold.
    func reserve(_ bytes: Int, for connection: Connection) throws(WireError) -> Bool {
        let peer = connection.peer
        let source = HostAddress(connection.remote)
        var heaviest: PeerID?
        let outcome = memory.withLock { budget -> Result<Bool, MemoryBudget.Refusal> in
            if bytes <= 0 {
                budget.release(-bytes, for: peer, host: source)
                return .success(budget.isTight(for: peer))
            }
            do throws(MemoryBudget.Refusal) {
                try budget.reserve(bytes, for: peer, host: source)
                return .success(budget.isTight(for: peer))
            } catch {
                guard case .total = error, let largest = budget.largest, largest != peer else {
                    return .failure(error)
                }
                heaviest = largest
                budget.overdraw(bytes, for: peer, host: source)
                return .success(true)
            }
        }
        if let heaviest { endHeaviest(heaviest) }
        switch outcome {
        case .success(let isTight): return isTight
        case .failure(let refusal): throw WireError(.memory, "\(refusal)", at: "connection")
        }
    }

    private func endHeaviest(_ peer: PeerID) {
        let reason = WireError(.memory, "all peers together hold too much, and this one holds most", at: "host")
        let connections = state.withLock { $0.connections[peer] ?? [] }
        Task { for connection in connections { await connection.close(reason) } }
    }

    /// Bytes that peers make this host hold now, in steps of 256 KiB a connection.
    public var heldBytes: Int { memory.withLock { $0.used } }
}
