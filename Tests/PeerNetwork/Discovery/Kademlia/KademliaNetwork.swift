import PeerNetwork

/// Nodes in one process, joined by calls instead of streams, in virtual time. Everything follows from the seed.
struct KademliaNetwork {
    /// How a node answers.
    enum Conduct {
        case honest
        case dead
        /// Answers everything with peers of the attacker that are near to what was asked for.
        case lies
    }

    var nodes: [PeerID: KademliaNode] = [:]
    var conduct: [PeerID: Conduct] = [:]
    var addressOf: [PeerID: Multiaddr] = [:]
    /// The attacker's identities beyond the lying nodes; all answer as liars do.
    var sybils: [PeerID] = []
    var random: PeerRandom
    var now: Duration = .seconds(1)
    let honest: [PeerID]

    /// How the nodes came to know one another.
    enum Start {
        /// Each knew three others and searched for itself, and once for each of its buckets, as the schedule does.
        case joined
        /// Each met all others, in a random order: what a network is after a long time.
        case met
    }

    init(count: Int, seed: UInt64, start: Start, configuration: KademliaNode.Configuration = .init()) {
        random = PeerRandom(seed: seed)
        honest = (0..<count).map { Fixture.peer(Int(seed) * 100_000 + $0) }
        for (index, id) in honest.enumerated() {
            nodes[id] = KademliaNode(
                owner: id, configuration: configuration, random: PeerRandom(seed: seed &* 7_919 &+ UInt64(index)))
            conduct[id] = .honest
            addressOf[id] = Fixture.ownRange(index)
        }
        if start == .met {
            for id in honest {
                for other in honest.shuffled(using: &random) where other != id { introduce(other, to: id) }
            }
            return
        }
        for (index, id) in honest.enumerated() where index > 0 {
            for other in honest[..<index].shuffled(using: &random).prefix(3) { introduce(other, to: id) }
            _ = search(.closest(id.bytes), by: id)
        }
        // What a schedule does over time: the bucket refresh.
        for id in honest { runTicks(of: id) }
    }

    mutating func introduce(_ other: PeerID, to id: PeerID) {
        guard let address = addressOf[other] else { return }
        let effects =
            nodes[id]?.peerServes(
                KademliaContact(id: other, addresses: [address]), host: HostAddress(multiaddr: address.bytes), now: now)
            ?? []
        _ = run(effects, of: id)
    }

    mutating func runTicks(of id: PeerID) {
        for _ in 0..<8 {
            now += .milliseconds(1)
            guard let effects = nodes[id]?.tick(now: now), !effects.isEmpty else { return }
            _ = run(effects, of: id)
        }
    }

    mutating func search(_ goal: KademliaLookup.Goal, by id: PeerID) -> KademliaLookup.Outcome? {
        guard let (lookup, effects) = nodes[id]?.search(for: goal, now: now) else { return nil }
        return run(effects, of: id)[lookup]
    }

    /// Carries out effects until none are left. Answers come in a random order.
    mutating func run(_ effects: [KademliaNode.Effect], of id: PeerID) -> [UInt64: KademliaLookup.Outcome] {
        var waiting = effects
        var outcomes: [UInt64: KademliaLookup.Outcome] = [:]
        while !waiting.isEmpty {
            let effect = waiting.remove(at: Int.random(in: 0..<waiting.count, using: &random))
            switch effect {
            case .finished(let lookup, let outcome): outcomes[lookup] = outcome
            case .learned: break
            case .tell(let contact, let message):
                _ = try? nodes[contact.id]?.respond(to: message.bytes, from: id, now: now)
            case .ask(let request, let contact, let message, _):
                now += .microseconds(100)
                // Whoever is asked learns in identify that the asker serves the protocol too.
                if conduct[contact.id] == .honest { introduce(id, to: contact.id) }
                let reached = contact.addresses.contains { $0 == addressOf[contact.id] }
                let host = addressOf[contact.id].flatMap { HostAddress(multiaddr: $0.bytes) }
                if reached, let answer = respond(contact.id, to: message, from: id) {
                    waiting +=
                        nodes[id]?.answered(request, answer, host: host, roundTrip: .milliseconds(20), now: now) ?? []
                } else {
                    waiting += nodes[id]?.failed(request, now: now) ?? []
                }
            }
        }
        return outcomes
    }

    private mutating func respond(_ id: PeerID, to message: KademliaMessage, from asker: PeerID) -> KademliaMessage? {
        switch conduct[id] {
        case .honest:
            guard let bytes = try? nodes[id]?.respond(to: message.bytes, from: asker, now: now)?.bytes else {
                return nil
            }
            return try? KademliaMessage(bytes)
        case .lies:
            let target = KademliaKey(hashing: message.key)
            // A sample of the attacker's identities, those nearest to the target: as good a lie as they can tell.
            let near = sybils.map { ($0, KademliaKey($0).distance(to: target)) }.sorted { $0.1 < $1.1 }.prefix(20)
            var named = near.map { KademliaContact(id: $0.0, addresses: addressOf[$0.0].map { [$0] } ?? []) }
            // And the target itself, at an address where it is not.
            if let peer = try? PeerID(multihash: message.key) {
                named.append(KademliaContact(id: peer, addresses: [Fixture.address(66, 6, 6, 6)]))
            }
            return KademliaMessage(.findNode, key: message.key, closer: named.map { KademliaMessage.Peer($0) })
        default: return nil
        }
    }

    /// What a node with all knowledge answers.
    func nearest(to key: [UInt8], among peers: [PeerID], count: Int) -> [PeerID] {
        let target = KademliaKey(hashing: key)
        return Array(
            peers.map { ($0, KademliaKey($0).distance(to: target)) }.sorted { $0.1 < $1.1 }.prefix(count).map(\.0))
    }
}
