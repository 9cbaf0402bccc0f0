import Ledger
import Logging
import PeerNetwork
import Primitives
import Synchronization

/// Brings the engine's messages to other validators and theirs to the kernel: a stream in each direction between any
/// two that are connected, opened with a `ConsensusHello` of both.
///
/// Votes are checked here, before the kernel's thread sees them. A peer has one message at the kernel at a time, so
/// that none can crowd out another. Safe from any thread.
final class ConsensusLane: Sendable {
    private let chain: ChainAccess
    private let key: SecretKey
    private let outbox: ConsensusOutbox
    private let service: PeerService
    private let name: String
    private let logger: Logger
    private let checker: Mutex<VoteChecker>
    private let state = Mutex(State())
    /// A peer speaks of a height that is above the one after this node's.
    private let isBehind: @Sendable (PeerID) async -> Void

    /// When a peer may be tried, and how long it is to wait after a refusal.
    private struct Attempt {
        var due = ContinuousClock.now
        var wait = ConsensusLane.refusedWaits.shortest
    }

    private struct State {
        /// Connected peers that know the protocol.
        var able: [PeerID: Attempt] = [:]
        /// Of the validators, when it was last looked.
        var generation: UInt64 = 0
        var speaking: [PeerID: Task<Void, Never>] = [:]
        var looking: Set<PeerID> = []
    }

    /// Why a link is not made or ends.
    private enum Trouble: Error, CustomStringConvertible {
        case refused, notSigned

        var description: String {
            switch self {
            case .refused: "is no validator here, or takes this node for none"
            case .notSigned: "says that it speaks for a validator, and has not its signature"
            }
        }
    }

    /// Until a peer that took this node for no validator is asked again: twice as long each time, up to the longest,
    /// and from the shortest again when the validators change. The peer may learn of that a moment later than this
    /// node.
    private static let refusedWaits: (shortest: Duration, longest: Duration) = (.milliseconds(500), .seconds(15))
    /// Until a stream that broke is opened again.
    private static let brokenWait: Duration = .milliseconds(250)
    private static let lookInterval: Duration = .milliseconds(500)
    /// A height that is decided elsewhere is mostly decided here a moment later.
    private static let behindWait: Duration = .milliseconds(200)

    init(
        chain: ChainAccess, key: SecretKey, outbox: ConsensusOutbox, service: PeerService, name: String,
        logger: Logger, isBehind: @escaping @Sendable (PeerID) async -> Void
    ) {
        self.chain = chain
        self.key = key
        self.outbox = outbox
        self.service = service
        self.name = name
        self.logger = logger
        self.isBehind = isBehind
        checker = Mutex(VoteChecker(chain: chain.genesis.chain))
    }

    private var isValidator: Bool { outbox.isValidator(key.publicKey) }

    private func hello(to peer: PeerID) -> ConsensusHello {
        ConsensusHello(signedBy: key, chain: chain.genesis.chain, from: service.host.peer, to: peer)
    }

    /// The validator that a peer speaks for.
    private func validator(_ bytes: [UInt8], of peer: PeerID) throws -> PublicKey {
        let hello = try ConsensusHello.decode(bytes)
        guard hello.isSigned(chain: chain.genesis.chain, from: peer, to: service.host.peer) else {
            throw Trouble.notSigned
        }
        guard hello.key != key.publicKey, outbox.isValidator(hello.key) else { throw Trouble.refused }
        return hello.key
    }

    // MARK: Sending

    /// Speaks to every connected validator, until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            lookAround()
            try? await Task.sleep(for: Self.lookInterval)
        }
        for task in state.withLock({ $0.speaking.values.map { $0 } }) { task.cancel() }
    }

    func connected(_ peer: PeerID) {
        state.withLock { $0.able[peer] = Attempt() }
        lookAround()
    }

    func disconnected(_ peer: PeerID) {
        let task = state.withLock { state in
            state.able[peer] = nil
            return state.speaking.removeValue(forKey: peer)
        }
        task?.cancel()
    }

    private func lookAround() {
        guard isValidator else { return }
        let generation = outbox.generation
        state.withLock { state in
            if state.generation != generation {
                state.generation = generation
                state.able = state.able.mapValues { _ in Attempt() }
            }
            let now = ContinuousClock.now
            for (peer, attempt) in state.able where attempt.due <= now && state.speaking[peer] == nil {
                state.speaking[peer] = Task { [weak self] in await self?.speak(to: peer) }
            }
        }
    }

    private func speak(to peer: PeerID) async {
        var isRefused = false
        do {
            let stream = try await service.host.openStream(to: peer, protocols: [name], lazily: false)
            defer { stream.close() }
            try await speak(to: peer, stream)
        } catch {
            if case Trouble.refused = error { isRefused = true }
            logger.debug("consensus with \(peer.short): \(error)")
        }
        state.withLock { state in
            state.speaking[peer] = nil
            guard var attempt = state.able[peer] else { return }
            attempt.due = .now + (isRefused ? attempt.wait : Self.brokenWait)
            attempt.wait = isRefused ? min(attempt.wait * 2, Self.refusedWaits.longest) : Self.refusedWaits.shortest
            state.able[peer] = attempt
        }
    }

    private func speak(to peer: PeerID, _ stream: PeerStream) async throws {
        let deadline = stream.reset(after: ChainProtocol.timeout)
        try await stream.writeMessage(hello(to: peer).encoded())
        guard let answer = try await stream.readMessage(limit: ConsensusHello.byteLimit) else { throw Trouble.refused }
        deadline.cancel()
        let link = outbox.open(try validator(answer, of: peer))
        defer { outbox.close(link) }
        logger.info("validator \(AccountID(link.key)) is reached at \(peer.short)")
        // Nothing more comes: the end of the peer's side is the end of the link.
        let watch = Task { [outbox] in
            _ = try? await stream.read()
            outbox.close(link)
        }
        defer { watch.cancel() }
        for await _ in link.wakes {
            while let message = outbox.next(for: link) { try await stream.writeMessage(message) }
        }
    }

    // MARK: Receiving

    /// Hears one validator out, until it or the connection ends.
    func answer(_ stream: PeerStream) async {
        let peer = stream.peer
        let deadline = stream.reset(after: ChainProtocol.timeout)
        do {
            guard isValidator, let bytes = try await stream.readMessage(limit: ConsensusHello.byteLimit) else {
                deadline.cancel()
                return stream.close()
            }
            let sender = try validator(bytes, of: peer)
            try await stream.writeMessage(hello(to: peer).encoded())
            deadline.cancel()
            while let bytes = try await stream.readMessage(limit: ChainProtocol.consensusByteLimit) {
                try await take(try ConsensusMessage.decode(bytes), of: sender, from: peer)
            }
            stream.close()
        } catch {
            deadline.cancel()
            await blame(peer, for: error)
            stream.reset("\(error)")
        }
    }

    private func take(_ message: ConsensusMessage, of sender: PublicKey, from peer: PeerID) async throws {
        do throws(VoteChecker.Fault) {
            try checker.withLock { checker throws(VoteChecker.Fault) in
                try checker.check(message.votes) { outbox.isValidator($0) }
            }
        } catch {
            // The other may know a set of validators that this node does not know yet, or no more.
            if case .unknownSigner = error { return }
            throw error
        }
        if let height = message.votes.map(\.vote.height).max(), height > outbox.nextHeight { look(peer, height) }
        try await chain.kernel.perform { host in host.receive(message, from: sender) }
    }

    private func blame(_ peer: PeerID, for error: any Error) async {
        switch error {
        case is CBORError, is VoteChecker.Fault, Trouble.notSigned:
            await service.report(.protocolViolation, by: peer, "consensus: \(error)")
        default: logger.debug("consensus of \(peer.short): \(error)")
        }
    }

    /// The peer works on a later height: asks it for blocks, unless this node gets there at once.
    private func look(_ peer: PeerID, _ height: UInt64) {
        guard state.withLock({ $0.looking.insert(peer).inserted }) else { return }
        Task { [weak self] in
            try? await Task.sleep(for: Self.behindWait)
            guard let self else { return }
            if height > outbox.nextHeight { await isBehind(peer) }
            state.withLock { _ = $0.looking.remove(peer) }
        }
    }
}
