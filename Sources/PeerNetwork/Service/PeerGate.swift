import Glibc
import Logging
import Synchronization

/// Who may connect: limits of numbers and rates, and bans. Asked from the network's threads.
final class PeerGate: ConnectionGate {
    fileprivate struct State: Sendable {
        var limits: ConnectionLimits
        var ledger: PeerLedger
        /// The places that connected peers hold, and since when.
        var tickets: [PeerID: (ticket: ConnectionLimits.Ticket, since: Duration)] = [:]
        /// When each kind of refusal was logged last.
        var logged: [String: Duration] = [:]
    }

    private let state: Mutex<State>
    private let clock: PeerClock
    private let logger: Logger
    /// Peers that gave their place to a newcomer, and are to be disconnected.
    let evictions: AsyncStream<PeerID>
    private let evict: AsyncStream<PeerID>.Continuation
    private static let logInterval: Duration = .seconds(600)

    init(limits: ConnectionLimits, ledger: PeerLedger, clock: PeerClock, logger: Logger) {
        state = Mutex(State(limits: limits, ledger: ledger))
        self.clock = clock
        self.logger = logger
        // Bounded: what is dropped loses its place all the same, and is closed when it is next looked at.
        (evictions, evict) = AsyncStream.makeStream(of: PeerID.self, bufferingPolicy: .bufferingNewest(1_024))
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

    /// A peer's first connection takes a place; a second one shares it. Where all places are taken, the inbound
    /// connection that is of least use gives way: whoever came first must not be able to hold a node for ever.
    func mayKeep(_ peer: PeerID, at address: Multiaddr, isInbound: Bool) -> Bool {
        let now = clock.now
        return state.withLock { state in
            guard state.ledger.bannedUntil(peer, now: clock.wallTime) == nil else { return false }
            guard state.tickets[peer] == nil else { return true }
            do throws(ConnectionLimits.Refusal) {
                let (ticket, evicted) = try state.admit(peer, HostAddress(address), isInbound: isInbound, now: now)
                state.tickets[peer] = (ticket, now)
                if let evicted {
                    logger.debug("\(evicted.short) gives way to \(peer.short): all places are taken")
                    evict.yield(evicted)
                }
                return true
            } catch {
                refused(error, &state, now: now)
                return false
            }
        }
    }

    /// Each kind of reason once in a while: a flood of refusals is one line.
    private func refused(_ refusal: ConnectionLimits.Refusal, _ state: inout State, now: Duration) {
        let kind = refusal.kind
        if let last = state.logged[kind], now - last < Self.logInterval { return }
        state.logged[kind] = now
        logger.notice("a connection is refused: \(refusal); more of the kind are not logged for a while")
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
    /// A place for a peer, and who lost one for it.
    fileprivate mutating func admit(
        _ peer: PeerID, _ host: HostAddress?, isInbound: Bool, now: Duration
    ) throws(ConnectionLimits.Refusal) -> (ConnectionLimits.Ticket, evicted: PeerID?) {
        let direction: ConnectionLimits.Direction = isInbound ? .inbound : .outbound
        do throws(ConnectionLimits.Refusal) {
            return (try limits.place(peer, host, direction, now: now), nil)
        } catch {
            guard isInbound, error.isForWantOfRoom, let candidate = limits.evictionCandidate(),
                let loser = tickets.first(where: { $0.value.ticket == candidate })?.key
            else { throw error }
            // Tried on a copy: nobody loses a place to one who is refused for another reason.
            var trial = limits
            trial.release(candidate)
            let ticket = try trial.place(peer, host, direction, now: now)
            limits = trial
            tickets[loser] = nil
            return (ticket, loser)
        }
    }

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
