import Glibc
import Synchronization

/// Who may connect: limits of numbers and rates, and bans. Asked from the network's threads.
final class PeerGate: ConnectionGate {
    fileprivate struct State: Sendable {
        var limits: ConnectionLimits
        var ledger: PeerLedger
        /// The places that connected peers hold, and since when.
        var tickets: [PeerID: (ticket: ConnectionLimits.Ticket, since: Duration)] = [:]
    }

    private let state: Mutex<State>
    private let clock: PeerClock

    init(limits: ConnectionLimits, ledger: PeerLedger, clock: PeerClock) {
        state = Mutex(State(limits: limits, ledger: ledger))
        self.clock = clock
    }

    // MARK: What the host asks

    func mayDial(_ address: Multiaddr, for peer: PeerID?) -> Bool {
        guard let peer else { return true }
        return state.withLock { $0.ledger.bannedUntil(peer, now: clock.wallTime) == nil }
    }

    func mayAccept(from address: Multiaddr) -> Bool {
        guard let host = HostAddress(address) else { return true }
        return state.withLock { $0.ledger.closedUntil(host, now: clock.wallTime) == nil }
    }

    /// A peer's first connection takes a place; a second one shares it.
    func mayKeep(_ peer: PeerID, at address: Multiaddr, isInbound: Bool) -> Bool {
        let now = clock.now
        return state.withLock { state in
            guard state.ledger.bannedUntil(peer, now: clock.wallTime) == nil else { return false }
            guard state.tickets[peer] == nil else { return true }
            let ticket: ConnectionLimits.Ticket
            do throws(ConnectionLimits.Refusal) {
                ticket = try state.limits.admit(
                    host: HostAddress(address), direction: isInbound ? .inbound : .outbound, now: now)
            } catch {
                return false
            }
            do throws(ConnectionLimits.Refusal) {
                try state.limits.identified(ticket, as: peer)
            } catch {
                state.limits.release(ticket)
                return false
            }
            state.tickets[peer] = (ticket, now)
            return true
        }
    }

    // MARK: What the service says

    func disconnected(_ peer: PeerID) { state.withLock { $0.release(peer) } }

    func wasUseful(_ peer: PeerID) {
        let now = clock.now
        state.withLock { state in
            if let ticket = state.tickets[peer]?.ticket { state.limits.wasUseful(ticket, now: now) }
        }
    }

    /// Gives back the places of peers whose connection came to nothing after it was let in.
    func reconcile(connected: Set<PeerID>, grace: Duration) {
        let now = clock.now
        state.withLock { state in
            let lost = state.tickets.filter { !connected.contains($0.key) && now - $0.value.since > grace }
            for peer in lost.keys { state.release(peer) }
        }
    }

    func record(
        _ offence: Misconduct, by peer: PeerID, host: HostAddress?, detail: String
    ) -> [PeerLedger.Effect] {
        state.withLock { $0.ledger.record(offence, by: peer, host: host, detail: detail, now: clock.wallTime) }
    }

    func pardon(_ peer: PeerID) { state.withLock { $0.ledger.pardon(peer) } }
    func isBanned(_ peer: PeerID) -> Bool {
        state.withLock { $0.ledger.bannedUntil(peer, now: clock.wallTime) != nil }
    }
    func conduct() -> [PeerConduct] { state.withLock { $0.ledger.snapshot(now: clock.wallTime) } }
    func encodedLedger() -> [UInt8] { state.withLock { $0.ledger.encoded() } }
}

extension PeerGate.State {
    mutating func release(_ peer: PeerID) {
        if let (ticket, _) = tickets.removeValue(forKey: peer) { limits.release(ticket) }
    }
}

/// The two times that peers are judged by: one that only goes forward, and the calendar's for what outlives a restart.
struct PeerClock: Sendable {
    private let start = ContinuousClock.now

    /// Since this clock was made.
    var now: Duration { ContinuousClock.now - start }

    /// Since 1970, to the second.
    var wallTime: Duration { .seconds(Int64(time(nil))) }
}
