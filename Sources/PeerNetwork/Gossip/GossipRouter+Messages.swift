import Primitives

/// Publishing, receiving, verdicts and passing on.
extension GossipRouter {
    /// Bytes that are no RPC weigh as much as this many breaches of the protocol: a peer that sends them again is
    /// graylisted.
    private static let malformedPenalty = 8
    /// Senders of one message that are told apart while it is judged. Later ones neither gain nor lose by it, and may
    /// get it back; a bound, since all seen messages keep theirs.
    private static let senderLimit = 64

    // MARK: Publishing

    /// Sends a message of our own to a topic, in which we need not be. The topic's own validator is not asked.
    public mutating func publish(
        _ data: [UInt8], to topic: String, now: Duration
    ) throws(GossipError) -> (id: GossipMessageID, effects: [GossipEffect]) {
        try checkPublication(data, topic)
        var message = GossipMessage(topic: topic, data: data)
        if case .strictSign(let key, _) = configuration.signing {
            message.sign(key, sequence: sequence)
            sequence &+= 1
        }
        let id = configuration.identification.id(of: message)
        guard seen[id] == nil else { throw GossipError(.duplicate, "the message \(id) is known already", at: topic) }
        seen.insert(id, GossipSeen.Entry(status: .valid(now), senders: []), now: now)
        history.insert(id, message)
        if topics[topic]?.mesh == nil { keepFanout(topic, now: now) }
        let others = targets(topic, floods: configuration.floodPublish)
        forward(message, id, to: others, .own)
        return (id, takeEffects())
    }

    private func checkPublication(_ data: [UInt8], _ topic: String) throws(GossipError) {
        let limits = configuration.limits
        guard data.count <= limits.dataByteCount else {
            throw GossipError(.dataTooLong, "\(data.count) bytes, of \(limits.dataByteCount) at most", at: topic)
        }
        guard topic.utf8.count <= limits.topicByteCount, !topic.isEmpty else {
            throw GossipError(.topicTooLong, "a name has 1 to \(limits.topicByteCount) bytes", at: "topic")
        }
        guard
            topics[topic]?.mesh != nil || topics[topic]?.fanoutTime != nil
                || topics.values.count(where: { $0.fanoutTime != nil }) < configuration.topicCount
        else { throw GossipError(.tooManyTopics, "published to as many as may be", at: topic) }
    }

    /// To whom a message of the topic goes: direct peers always; peers without a mesh, if their score permits; and the
    /// mesh, the fanout, or everybody.
    private func targets(_ topic: String, floods: Bool) -> [PeerIndex] {
        guard let state = topics[topic] else { return [] }
        let chosen = state.mesh ?? state.fanout
        return state.subscribers.filter { index in
            guard let peer = peers[index], let session = peer.session else { return false }
            if peer.isDirect || (chosen.contains(index) && !floods) { return true }
            return (floods || !session.hasMesh) && score(index) >= configuration.score.publishThreshold
        }
    }

    private mutating func forward(
        _ message: GossipMessage, _ id: GossipMessageID, to targets: [PeerIndex], _ kind: GossipKind
    ) {
        var rpc = GossipRPC()
        rpc.messages = [message]
        let priority = configuration.settings(message.topic).priority
        for index in targets where peers[index]?.session?.unwanted[id] == nil {
            // Whoever made the message has it.
            if let author = message.author, peers[index]?.id.bytes == author { continue }
            send(rpc, to: index, kind, priority)
        }
    }

    // MARK: Receiving

    mutating func receive(_ bytes: [UInt8], from id: PeerID, now: Duration) {
        guard let index = numbers[id], peers[index]?.session?.isCut == false else { return }
        guard score(index) >= configuration.score.graylistThreshold else { return log(index, .graylisted) }
        let rpc: GossipRPC
        do {
            rpc = try GossipRPC(bytes, limits: configuration.limits)
        } catch {
            penalise(index, GossipRouter.malformedPenalty)
            log(index, .malformed, error.description)
            peers[index]?.session?.isCut = true
            return effects.append(.cut(id, .malformed))
        }
        for subscription in rpc.subscriptions { hear(subscription, from: index) }
        for message in rpc.messages { receive(message, from: index, now: now) }
        handleControl(rpc, from: index, now: now)
    }

    private mutating func receive(_ message: GossipMessage, from index: PeerIndex, now: Duration) {
        guard topics[message.topic]?.mesh != nil else { return log(index, .topicNotJoined, message.topic) }
        guard configuration.signing.hasRightFields(message) else {
            countInvalid(index, message.topic)
            return log(index, .wrongFields, message.topic)
        }
        let id = configuration.identification.id(of: message)
        promises.keep(id)
        if let entry = seen[id] { return receiveAgain(id, entry, message.topic, from: index, now: now) }
        guard message.author != peer.bytes else { return log(index, .ownMessage, message.topic) }
        guard hasValidSignature(message, from: index) else { return }
        let size = message.encodedByteCount
        let settings = configuration.settings(message.topic)
        guard waiting.hasRoom(for: size, settings.priority),
            peers[index]?.session?.waiting ?? 0 < configuration.waitingCountPerPeer
        else { return log(index, .waitingFull) }
        peers[index]?.session?.waiting += 1
        waiting.insert(id, GossipWaiting.Entry(message: message, source: index, byteCount: size), now: now)
        seen.insert(id, GossipSeen.Entry(status: .waiting, senders: [index]), now: now)
        guard let source = peers[index]?.id else { return }
        effects.append(
            .deliver(
                GossipDelivery(
                    id: id, topic: message.topic, data: message.data, source: source,
                    author: message.author.flatMap { try? PeerID(multihash: $0) }, priority: settings.priority)))
    }

    private mutating func hasValidSignature(_ message: GossipMessage, from index: PeerIndex) -> Bool {
        guard case .strictSign = configuration.signing else { return true }
        switch message.checkSignature() {
        case .valid: return true
        case .unknownKind: log(index, .unknownKey)
        case .invalid:
            countInvalid(index, message.topic)
            log(index, .wrongSignature, message.topic)
        }
        return false
    }

    /// A copy: while the message is judged, and shortly after, it counts for the peer's place in the mesh.
    private mutating func receiveAgain(
        _ id: GossipMessageID, _ entry: GossipSeen.Entry, _ topic: String, from index: PeerIndex, now: Duration
    ) {
        guard !entry.senders.contains(index), entry.senders.count < GossipRouter.senderLimit else { return }
        switch entry.status {
        case .ignored: return
        case .invalid: return countInvalid(index, topic)
        case .waiting: break
        case .valid(let time):
            guard now - time <= configuration.settings(topic).score.meshDeliveriesWindow else { return }
            countMeshDelivery(index, topic)
        }
        seen.update(id) { $0.senders.append(index) }
    }

    // MARK: Verdicts

    mutating func conclude(_ id: GossipMessageID, _ verdict: GossipVerdict, now: Duration) {
        guard let entry = waiting.remove(id) else { return }
        // Of an earlier connection, if the peer has come back since.
        if peers[entry.source]?.session?.waiting ?? 0 > 0 { peers[entry.source]?.session?.waiting -= 1 }
        let senders = seen[id]?.senders ?? [entry.source]
        let topic = entry.message.topic
        switch verdict {
        case .ignore: seen.update(id) { $0 = GossipSeen.Entry(status: .ignored, senders: []) }
        case .reject:
            seen.update(id) { $0 = GossipSeen.Entry(status: .invalid, senders: []) }
            for index in senders {
                countInvalid(index, topic)
                log(index, .rejected, topic)
            }
        case .accept:
            seen.update(id) { $0.status = .valid(now) }
            countFirstDelivery(entry.source, topic)
            for index in senders where index != entry.source { countMeshDelivery(index, topic) }
            history.insert(id, entry.message)
            let targets = targets(topic, floods: false).filter { !senders.contains($0) }
            forward(entry.message, id, to: targets, .forwarded)
        }
    }

    /// With the heartbeat: messages that the validator has forgotten hold no room.
    mutating func expireWaiting(now: Duration) {
        while let id = waiting.nextExpired(now: now) {
            if let source = seen[id]?.senders.first { log(source, .notJudged) }
            conclude(id, .ignore, now: now)
        }
    }

    // MARK: Counting

    private mutating func countFirstDelivery(_ index: PeerIndex, _ topic: String) {
        let parameters = configuration.settings(topic).score
        // Who has left since keeps nothing good.
        guard peers[index]?.session != nil else { return }
        peers[index]?.counters.update(topic) { $0.countFirst(parameters) }
    }

    private mutating func countMeshDelivery(_ index: PeerIndex, _ topic: String) {
        let parameters = configuration.settings(topic).score
        guard topics[topic]?.mesh?.contains(index) == true else { return }
        peers[index]?.counters.update(topic) { $0.countMesh(parameters) }
    }

    private mutating func countInvalid(_ index: PeerIndex, _ topic: String) {
        peers[index]?.counters.update(topic) { $0.invalid += 1 }
    }

    mutating func leaveCounters(_ index: PeerIndex, _ topic: String) {
        guard peers[index]?.counters.topics.contains(where: { $0.topic == topic }) == true else { return }
        let parameters = configuration.settings(topic).score
        peers[index]?.counters.update(topic) { $0.leaveMesh(parameters) }
    }
}
