import PeerNetwork
import Primitives
import Testing

/// A network of routers in virtual time: links with delay and loss, churn, and peers that do as a test says.
///
/// Everything follows from the seed. What a router sends is encoded and decoded again, as on a real stream; an RPC that
/// is lost is lost without a word, which real streams do only when a queue overflows.
final class GossipNetwork {
    typealias Node = Int

    /// What a node that is no honest router does with what it receives.
    typealias Adversary = (GossipNetwork, _ node: Node, _ from: Node, GossipRPC) -> Void

    private struct Event {
        let time: Duration
        let number: Int
        let action: () -> Void
    }

    let seed: UInt64
    var random: GossipRandom
    var now: Duration = .zero
    var routers: [GossipRouter?] = []
    var adversaries: [Node: Adversary] = [:]
    private(set) var ids: [PeerID] = []
    private var nodes: [PeerID: Node] = [:]
    private(set) var links: [Node: [Node: Duration]] = [:]
    private var events: [Event] = []
    private var eventCount = 0
    var down: Set<Node> = []

    var loss = 0.0
    var delay: ClosedRange<Int64> = 10...80
    var followsCuts = true
    var followsExchange = true
    var addressRanges: (Node) -> [String] = { ["range \($0)"] }
    var judge: (GossipDelivery) -> GossipVerdict = { $0.data.starts(with: [0xff]) ? .reject : .accept }

    /// When each node met each message, and over how many hops.
    private(set) var arrivals: [GossipMessageID: [Node: (time: Duration, hops: Int)]] = [:]
    private(set) var published: [GossipMessageID: Duration] = [:]
    private(set) var cuts: [(by: Node, of: Node, reason: GossipReason)] = []
    private(set) var logs: [(by: Node, GossipLog)] = []
    private(set) var sentByteCount = 0

    init(seed: UInt64) {
        self.seed = seed
        random = GossipRandom(seed: seed)
    }

    // MARK: Nodes and links

    static func id(_ number: Int) -> PeerID {
        let bytes = Digest.blake2b256(Array("node \(number)".utf8)).bytes
        // Thirty-two bytes are a key to whoever does not verify with it.
        return PublicKey(bytes: bytes).map { PeerID($0) } ?? PeerID(SecretKey.generate().publicKey)
    }

    @discardableResult
    func add(_ configuration: GossipConfiguration = GossipConfiguration()) throws -> Node {
        let node = routers.count
        let id = GossipNetwork.id(node)
        ids.append(id)
        nodes[id] = node
        routers.append(
            try GossipRouter(peer: id, configuration: configuration, random: GossipRandom(seed: random.next())))
        // Heartbeats are not in step.
        let first = Duration.milliseconds(Int64.random(in: 0..<1_000, using: &random))
        schedule(after: first) { [unowned self] in beat(node) }
        return node
    }

    func addAdversary(_ adversary: @escaping Adversary) -> Node {
        let node = routers.count
        ids.append(GossipNetwork.id(node))
        nodes[GossipNetwork.id(node)] = node
        routers.append(nil)
        adversaries[node] = adversary
        return node
    }

    func connect(_ dialler: Node, _ other: Node) {
        guard dialler != other, links[dialler]?[other] == nil, !down.contains(dialler), !down.contains(other) else {
            return
        }
        let delay = Duration.milliseconds(Int64.random(in: delay, using: &random))
        links[dialler, default: [:]][other] = delay
        links[other, default: [:]][dialler] = delay
        input(.connected(info(of: other, .outbound)), to: dialler)
        input(.connected(info(of: dialler, .inbound)), to: other)
    }

    private func info(of node: Node, _ direction: GossipPeerInfo.Direction) -> GossipPeerInfo {
        GossipPeerInfo(peer: ids[node], direction: direction, addressRanges: addressRanges(node))
    }

    func disconnect(_ one: Node, _ other: Node) {
        guard links[one]?.removeValue(forKey: other) != nil else { return }
        links[other]?[one] = nil
        input(.disconnected(ids[other]), to: one)
        input(.disconnected(ids[one]), to: other)
    }

    /// Each node dials some others; the same links for the same seed.
    func connectAtRandom(_ members: [Node], dials: Int) {
        for node in members {
            for other in members.filter({ $0 != node }).shuffled(using: &random).prefix(dials) { connect(node, other) }
        }
    }

    /// The node is gone, with all of its links.
    func stop(_ node: Node) {
        for other in (links[node] ?? [:]).keys.sorted() { disconnect(node, other) }
        down.insert(node)
    }

    func start(_ node: Node, dialling others: [Node]) {
        down.remove(node)
        for other in others { connect(node, other) }
    }

    /// Nodes that others have left dial new ones, as a node does that has fewer links than it wants.
    func redial(_ members: [Node], atLeast count: Int) {
        for node in members where !down.contains(node) {
            let missing = count - links[node, default: [:]].count
            guard missing > 0 else { continue }
            let strangers = members.filter { links[node]?[$0] == nil && $0 != node }
            for other in strangers.shuffled(using: &random).prefix(missing) { connect(node, other) }
        }
    }

    // MARK: What nodes do

    func subscribe(_ members: [Node], _ topic: String) throws {
        for node in members {
            let effects = try routers[node]?.subscribe(to: topic, now: now) ?? []
            apply(effects, of: node)
        }
    }

    @discardableResult
    func publish(_ node: Node, _ data: [UInt8], to topic: String) throws -> GossipMessageID? {
        guard let (id, effects) = try routers[node]?.publish(data, to: topic, now: now) else { return nil }
        published[id] = now
        arrivals[id, default: [:]][node] = (now, 0)
        apply(effects, of: node)
        return id
    }

    func input(_ input: GossipInput, to node: Node) {
        guard let effects = routers[node]?.handle(input, now: now) else { return }
        apply(effects, of: node)
    }

    private func beat(_ node: Node) {
        if !down.contains(node) { input(.heartbeat, to: node) }
        schedule(after: .seconds(1)) { [unowned self] in beat(node) }
    }

    /// Lets an RPC go over a link, unless it is lost.
    func send(_ rpc: GossipRPC, from: Node, to: Node) { send(rpc.encoded(), from: from, to: to) }

    func send(_ bytes: [UInt8], from: Node, to: Node) {
        guard let delay = links[from]?[to] else { return }
        sentByteCount += bytes.count
        if loss > 0, Double.random(in: 0..<1, using: &random) < loss { return }
        schedule(after: delay) { [unowned self] in
            guard links[from]?[to] != nil else { return }
            if let adversary = adversaries[to] {
                if let rpc = try? GossipRPC(bytes) { adversary(self, to, from, rpc) }
            } else {
                input(.received(from: ids[from], bytes), to: to)
            }
        }
    }

    private func apply(_ effects: [GossipEffect], of node: Node) {
        for effect in effects {
            switch effect {
            case .send(let send): if let to = nodes[send.peer] { self.send(send.rpc, from: node, to: to) }
            case .deliver(let delivery): deliver(delivery, to: node)
            case .connect(let candidates, _): if followsExchange { exchange(candidates, node) }
            case .cut(let peer, let reason):
                guard let other = nodes[peer] else { continue }
                cuts.append((node, other, reason))
                if followsCuts { disconnect(node, other) }
            case .log(let log): logs.append((node, log))
            }
        }
    }

    private func deliver(_ delivery: GossipDelivery, to node: Node) {
        if arrivals[delivery.id]?[node] == nil {
            let hops = nodes[delivery.source].flatMap { arrivals[delivery.id]?[$0]?.hops } ?? 0
            arrivals[delivery.id, default: [:]][node] = (now, hops + 1)
        }
        let verdict = judge(delivery)
        input(.validated(delivery.id, verdict), to: node)
    }

    private func exchange(_ candidates: [GossipRPC.Candidate], _ node: Node) {
        for candidate in candidates {
            guard let id = try? PeerID(multihash: candidate.peer), let other = nodes[id] else { continue }
            schedule(after: .milliseconds(50)) { [unowned self] in connect(node, other) }
        }
    }

    // MARK: Time

    func schedule(after time: Duration, _ action: @escaping () -> Void) {
        let event = Event(time: now + time, number: eventCount, action: action)
        eventCount += 1
        events.append(event)
        var child = events.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            events.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        (events[left].time, events[left].number) < (events[right].time, events[right].number)
    }

    private func popEvent() -> Event {
        events.swapAt(0, events.count - 1)
        let event = events.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < events.count && precedes(child, least) {
                least = child
            }
            if least == parent { return event }
            events.swapAt(parent, least)
            parent = least
        }
    }

    func run(for time: Duration) {
        let end = now + time
        while let first = events.first, first.time <= end {
            let event = popEvent()
            now = event.time
            event.action()
        }
        now = end
    }

    // MARK: What tests ask

    func missing(_ id: GossipMessageID, among members: [Node]) -> [Node] {
        members.filter { arrivals[id]?[$0] == nil }
    }

    func mesh(_ node: Node, _ topic: String) -> [Node] {
        routers[node]?.mesh(of: topic).compactMap { nodes[$0] } ?? []
    }

    func score(by node: Node, of other: Node) -> Double? { routers[node]?.report(of: ids[other])?.score.total }

    /// The value below which this part of the values lies.
    static func quantile<Value: Comparable>(_ part: Double, _ values: [Value]) -> Value? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        return sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]
    }
}
