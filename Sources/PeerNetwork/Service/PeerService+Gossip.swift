import Logging
import Primitives

/// One peer's stream of gossip: what waits for it, and the word that something does.
struct GossipLink {
    var queue: GossipQueue
    let wake: AsyncStream<Void>.Continuation
    let number: UInt64
}

extension PeerService {
    /// Of those whom one PRUNE names.
    private static let candidatesLookedUp = 4

    // MARK: Topics

    /// Takes this node into a topic. What comes is judged by `validator` before anyone else gets it.
    public func join(_ topic: String, validator: @escaping Validator) throws(GossipError) {
        validators[topic] = validator
        perform(try router.subscribe(to: topic, now: clock.now))
    }

    public func leave(_ topic: String) {
        validators[topic] = nil
        perform(router.handle(.unsubscribe(topic: topic), now: clock.now))
    }

    /// Sends a message of this node's own to a topic.
    public func publish(_ data: [UInt8], to topic: String) throws(GossipError) {
        perform(try router.publish(data, to: topic, now: clock.now).effects)
    }

    // MARK: Streams

    /// Opens this node's own stream to a peer, and writes to it until it breaks.
    func beginGossip(with peer: PeerID, versions: [GossipProtocol]) {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        linkNumber &+= 1
        let number = linkNumber
        gossipLinks[peer] = GossipLink(queue: GossipQueue(), wake: wake, number: number)
        Task { [weak self, host] in
            do throws(WireError) {
                let stream = try await host.openStream(
                    to: peer, protocols: versions.map(\.rawValue), lazily: false)
                await self?.opened(stream, to: peer)
                for await _ in wakes {
                    while let rpc = await self?.nextRPC(for: peer, number) { try await stream.writeMessage(rpc) }
                }
                stream.close()
            } catch {
                await self?.gossipBroke(with: peer, number, error)
            }
        }
    }

    private func opened(_ stream: PeerStream, to peer: PeerID) {
        let ranges = (HostAddress(stream.remote)).flatMap { host -> [String]? in
            if host.isLoopback || host.isPrivate { return nil }
            return ["\(host.range(ip4Bits: 24, ip6Bits: 64))"]
        }
        let info = GossipPeerInfo(
            peer: peer, direction: inbound.contains(peer) ? .inbound : .outbound,
            version: GossipProtocol(rawValue: stream.protocolID) ?? .gossip10, addressRanges: ranges ?? [])
        perform(router.handle(.connected(info), now: clock.now))
        gossipLinks[peer]?.wake.yield()
    }

    private func nextRPC(for peer: PeerID, _ number: UInt64) -> [UInt8]? {
        guard gossipLinks[peer]?.number == number else { return nil }
        return gossipLinks[peer]?.queue.next(atMost: configuration.gossip.limits.rpcByteCount / 4)?.encoded()
    }

    private func gossipBroke(with peer: PeerID, _ number: UInt64, _ error: WireError) {
        guard gossipLinks[peer]?.number == number else { return }
        logger.debug("gossip with \(peer.short) broke: \(error)")
        endGossip(with: peer)
    }

    func endGossip(with peer: PeerID) {
        guard let link = gossipLinks.removeValue(forKey: peer) else { return }
        link.wake.finish()
        perform(router.handle(.disconnected(peer), now: clock.now))
    }

    /// Reads a peer's stream until it ends.
    func listen(to stream: PeerStream) async {
        let limit = configuration.gossip.limits.rpcByteCount
        do throws(WireError) {
            while let bytes = try await stream.readMessage(limit: limit) {
                perform(router.handle(.received(from: stream.peer, bytes), now: clock.now))
            }
        } catch {
            if error.code == .tooLong || error.code == .malformed {
                report(.protocolViolation, by: stream.peer, "gossip: \(error)")
            }
            stream.reset(error.reason)
        }
    }

    // MARK: Effects

    func perform(_ effects: [GossipEffect]) {
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: GossipEffect) {
        switch effect {
        case .send(let send): enqueue(send)
        case .deliver(let delivery): judge(delivery)
        case .connect(let candidates, let teller): lookUp(candidates, teller)
        case .cut(let peer, let reason):
            report(.badGossip, by: peer, reason.rawValue)
            cut(peer, reason.rawValue)
        case .log(let log): logger.info("peer \(log.peer): \(log.reason.rawValue) \(log.detail)")
        }
    }

    private func enqueue(_ send: GossipSend) {
        guard let dropped = gossipLinks[send.peer]?.queue.push(send) else { return }
        gossipLinks[send.peer]?.wake.yield()
        for send in dropped { perform(router.handle(.notSent(send), now: clock.now)) }
    }

    private func judge(_ delivery: GossipDelivery) {
        guard let validator = validators[delivery.topic] else {
            return perform(router.handle(.validated(delivery.id, .ignore), now: clock.now))
        }
        Task {
            let verdict = await validator(delivery)
            self.judged(delivery, verdict)
        }
    }

    private func judged(_ delivery: GossipDelivery, _ verdict: GossipVerdict) {
        if verdict == .accept { wasUseful(delivery.source) }
        perform(router.handle(.validated(delivery.id, verdict), now: clock.now))
    }

    /// Whom others name is dialled at addresses that the peer itself has signed, or that a search finds: nobody's word
    /// on another's address counts. What a record says goes into the book as what the teller's range has named.
    /// A peer of this node's own configuration (no teller) is looked for wherever it may be now.
    private func lookUp(_ candidates: [GossipRPC.Candidate], _ teller: PeerID?) {
        for candidate in candidates.prefix(Self.candidatesLookedUp) {
            guard let peer = try? PeerID(multihash: candidate.peer), peer != host.peer, !host.isConnected(to: peer)
            else { continue }
            if let envelope = candidate.record {
                take(envelope, of: peer, from: teller)
            } else if configuration.usesKademlia, teller == nil || book.addresses(of: peer).isEmpty,
                let search = kademlia.search(for: .peer(peer), now: clock.now)
            {
                perform(search.effects)
            }
        }
    }

    private func take(_ envelope: [UInt8], of peer: PeerID, from teller: PeerID?) {
        let host = teller.flatMap { address(of: $0) }
        do throws(WireError) {
            let record = try SignedPeerRecord(envelope: envelope)
            guard record.peer == peer else {
                throw WireError(.notAuthentic, "the record is \(record.peer)'s", at: "peer record")
            }
            for address in record.addresses.prefix(8) { learn(peer, address, source: .signedRecord, teller: host) }
        } catch {
            if let teller { report(.badGossip, by: teller, "peers in PRUNE: \(error)") }
        }
    }
}
