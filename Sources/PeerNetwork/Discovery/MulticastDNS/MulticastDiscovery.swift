import Primitives

/// Finds peers on the local network, after the mDNS specification of libp2p, RFC 6762 and RFC 6763: asks for
/// `_p2p._udp.local`, answers who asks, and reads what others answer. A value without sockets and clock; one owner at a
/// time, and `now` is monotonic.
///
/// Everything that the local network can make it keep is bounded, and packets beyond a rate are read over: a network
/// may have a host that floods it.
public struct MulticastDiscovery: Sendable {
    public struct Configuration: Hashable, Sendable {
        /// `_p2p._udp.local`, or `_p2p-X._udp.local` for a network of its own (see the specification).
        public var serviceName = "_p2p._udp.local"
        public var port: UInt16 = 5353
        public var firstInterval: Duration = .seconds(1)
        /// The wait between queries doubles up to this.
        public var longestInterval: Duration = .seconds(300)
        /// Answers wait for a random part of this, so that those of many peers do not collide (RFC 6762 section 6).
        public var answerDelay: Duration = .milliseconds(100)
        /// The same answer is not sent to all again for so long.
        public var answerInterval: Duration = .seconds(1)
        /// How long our answers hold, in seconds.
        public var holdsSeconds: UInt32 = 120
        public var peerLimit = 256
        public var addressesPerPeer = 8
        /// Packets that are read.
        public var packetRate = TokenBucket.Rate(burst: 200, perSecond: 50)

        public init() {}
    }

    public enum Effect: Hashable, Sendable {
        /// To the group, on every interface.
        case multicast([UInt8])
        /// To whoever asked from another port than that of multicast DNS, or wants the answer alone.
        case answerAsker([UInt8])
        /// A peer with addresses that were not known before.
        case found(KademliaContact)
        /// A peer took its record back, or did not renew it.
        case lost(PeerID)
    }

    struct Known: Sendable {
        var addresses: [Multiaddr]
        var until: Duration
    }

    public let configuration: Configuration
    public let owner: PeerID
    /// Random, so that it says nothing of the peer.
    public let peerName: String
    let service: DNSName
    let instance: DNSName
    let host: DNSName
    let metaQuery: DNSName
    var addresses: [Multiaddr]
    var random: PeerRandom
    private var known: [PeerID: Known] = [:]
    private var bucket: TokenBucket?
    private var interval: Duration
    private var nextQuery: Duration?
    var nextAnswer: Duration?
    var lastAnswer: Duration?
    var lastMetaAnswer: Duration?

    private static let nameLength = 32

    /// - Parameter addresses: where this peer listens; kept up to date with `addressesChanged`.
    public init(
        owner: PeerID, addresses: [Multiaddr], configuration: Configuration = Configuration(),
        random: PeerRandom = PeerRandom()
    ) throws(FormatError) {
        var random = random
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        peerName = String(
            (0..<MulticastDiscovery.nameLength).map { _ in alphabet.randomElement(using: &random) ?? "a" })
        service = try DNSName(configuration.serviceName)
        instance = try service.child(peerName)
        host = try DNSName("\(peerName).p2p.local")
        metaQuery = try DNSName("_services._dns-sd._udp.local")
        interval = configuration.firstInterval
        self.owner = owner
        self.addresses = addresses
        self.configuration = configuration
        self.random = random
    }

    public var knownPeers: [PeerID] { known.keys.sorted() }

    /// Begins, or begins anew after a change of the network: asks soon, and often at first.
    public mutating func start(now: Duration) {
        interval = configuration.firstInterval
        nextQuery = now + random.duration(from: .milliseconds(20), to: .milliseconds(120))
    }

    /// This peer listens elsewhere now; says so to all.
    public mutating func addressesChanged(_ addresses: [Multiaddr], now: Duration) {
        self.addresses = addresses
        nextAnswer = now
        lastAnswer = nil
    }

    /// When `tick` is due; nil before `start`.
    public var nextTick: Duration? {
        [nextQuery, nextAnswer, known.values.map(\.until).min()].compactMap { $0 }.min()
    }

    /// Sends what is due, and forgets peers that did not renew their records.
    public mutating func tick(now: Duration) -> [Effect] {
        var effects: [Effect] = []
        if let due = nextQuery, due <= now {
            effects.append(.multicast(query.bytes))
            nextQuery = now + interval * (0.9 + 0.2 * random.unit())
            interval = min(interval * 2, configuration.longestInterval)
        }
        if let due = nextAnswer, due <= now {
            nextAnswer = nil
            lastAnswer = now
            effects.append(.multicast(answer(id: 0).bytes))
        }
        for (peer, entry) in known.sorted(by: { $0.key < $1.key }) where entry.until <= now {
            known[peer] = nil
            effects.append(.lost(peer))
        }
        return effects
    }

    /// A last message that takes our record back.
    public func goodbye() -> [UInt8] { answer(id: 0, seconds: 0).bytes }

    /// Reads a packet; what is no message of ours to read is passed over, since any program of the network sends here.
    /// - Parameter port: where it came from; others than multicast DNS's own ask in the old way (RFC 6762 section 6.7).
    public mutating func received(_ packet: [UInt8], port: UInt16, now: Duration) -> [Effect] {
        var tokens = bucket ?? TokenBucket(configuration.packetRate, now: now)
        defer { bucket = tokens }
        guard tokens.take(1, configuration.packetRate, now: now), let message = try? DNSMessage(packet) else {
            return []
        }
        if message.isResponse { return learn(message, now: now) }
        return asked(message, isLegacy: port != configuration.port, now: now)
    }

    // MARK: Asking

    /// Without the answers that we know already (RFC 6762 section 7.1): peers answer once a second at most anyway.
    private var query: DNSMessage {
        DNSMessage(isResponse: false, questions: [.init(service, type: DNSMessage.RecordType.pointer)])
    }

    private mutating func learn(_ message: DNSMessage, now: Duration) -> [Effect] {
        var found: [PeerID: [Multiaddr]] = [:]
        var lasting: [PeerID: UInt32] = [:]
        for record in message.answers + message.additional where record.name.parent == service {
            guard case .text(let strings) = record.content, record.name != instance else { continue }
            for address in strings.prefix(4 * configuration.addressesPerPeer).compactMap(MulticastDiscovery.address) {
                guard let peer = address.peer, peer != owner else { continue }
                if found[peer, default: []].count < configuration.addressesPerPeer {
                    found[peer, default: []].append(address.withoutPeer)
                }
                lasting[peer] = record.seconds
            }
        }
        return found.sorted { $0.key < $1.key }.flatMap { peer, addresses in
            note(peer, addresses, seconds: lasting[peer] ?? 0, now: now)
        }
    }

    /// A text of the form `dnsaddr=/…/p2p/…`.
    private static func address(_ text: [UInt8]) -> Multiaddr? {
        guard text.starts(with: Array("dnsaddr".utf8)), let equals = text.firstIndex(of: UInt8(ascii: "=")) else {
            return nil
        }
        // py-libp2p numbers its attributes: `dnsaddr2=…`.
        guard text[7..<equals].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return try? Multiaddr(text: String(decoding: text[(equals + 1)...], as: UTF8.self))
    }

    private mutating func note(
        _ peer: PeerID, _ addresses: [Multiaddr], seconds: UInt32, now: Duration
    ) -> [Effect] {
        if seconds == 0 { return known.removeValue(forKey: peer) == nil ? [] : [.lost(peer)] }
        let until = now + .seconds(min(seconds, 86_400))
        if var entry = known[peer] {
            let isNew = addresses.contains { !entry.addresses.contains($0) }
            entry.until = until
            entry.addresses = addresses
            known[peer] = entry
            return isNew ? [.found(KademliaContact(id: peer, addresses: addresses))] : []
        }
        guard known.count < configuration.peerLimit else { return [] }
        known[peer] = Known(addresses: addresses, until: until)
        return [.found(KademliaContact(id: peer, addresses: addresses))]
    }
}
