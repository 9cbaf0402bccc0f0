/// What a topic's messages give way to, and what gives way to them.
public enum GossipPriority: UInt8, Comparable, CaseIterable, Sendable {
    case other, blocks, consensus

    public static func < (left: GossipPriority, right: GossipPriority) -> Bool { left.rawValue < right.rawValue }
}

/// What a full queue does without, the first case first.
public enum GossipKind: UInt8, Comparable, CaseIterable, Sendable {
    /// IHAVE and IWANT: the next heartbeat makes up for it.
    case gossip
    /// Subscriptions, GRAFT and PRUNE: the router says them again when it hears that they were not sent.
    case control
    /// Messages of others, which take other ways too.
    case forwarded
    /// Own messages, which only we have at first.
    case own

    public static func < (left: GossipKind, right: GossipKind) -> Bool { left.rawValue < right.rawValue }
}

/// The version of the protocol that was negotiated with a peer.
public enum GossipProtocol: String, CaseIterable, Sendable {
    /// Newest first, as they are offered.
    case gossip11 = "/meshsub/1.1.0"
    case gossip10 = "/meshsub/1.0.0"
    case flood = "/floodsub/1.0.0"
}

/// What the host knows of a peer to which it has opened a stream.
public struct GossipPeerInfo: Equatable, Sendable {
    public enum Direction: Sendable { case inbound, outbound }

    public var peer: PeerID
    /// Outbound when we dialled, even if the peer dialled too.
    public var direction: Direction
    public var version: GossipProtocol
    /// Keys of the address ranges that the peer's address is in (such as its /24); compared and counted only. Four at
    /// most count, the first in order of text.
    public var addressRanges: [String]

    public init(
        peer: PeerID, direction: Direction, version: GossipProtocol = .gossip11, addressRanges: [String] = []
    ) {
        self.peer = peer
        self.direction = direction
        self.version = version
        self.addressRanges = addressRanges
    }
}

/// What a validator says of a message (gossipsub 1.1, "Extended Validators").
public enum GossipVerdict: Sendable {
    case accept
    /// The message is invalid, and whoever sent it answers for it.
    case reject
    /// Neither passed on nor held against anyone.
    case ignore
}

/// What happens to a router. `subscribe` and `publish`, which can be refused, are methods of their own.
public enum GossipInput: Sendable {
    case connected(GossipPeerInfo)
    case disconnected(PeerID)
    /// The bytes of one RPC, without the length before them.
    case received(from: PeerID, [UInt8])
    case unsubscribe(topic: String)
    case validated(GossipMessageID, GossipVerdict)
    /// Comes once every `heartbeatInterval`.
    case heartbeat
    /// The application's own score of a peer, P5.
    case applicationScore(PeerID, Double)
    /// A peer's signed record, for those who are to find it.
    case record(PeerID, [UInt8])
    /// A queue gave up on something that the router had sent.
    case notSent(GossipSend)
}

/// Something for one peer.
public struct GossipSend: Equatable, Sendable {
    public var peer: PeerID
    public var rpc: GossipRPC
    public var kind: GossipKind
    public var priority: GossipPriority

    public init(peer: PeerID, rpc: GossipRPC, kind: GossipKind, priority: GossipPriority) {
        self.peer = peer
        self.rpc = rpc
        self.kind = kind
        self.priority = priority
    }
}

/// A message that its topic's validator must judge.
public struct GossipDelivery: Equatable, Sendable {
    public var id: GossipMessageID
    public var topic: String
    public var data: [UInt8]
    /// Who sent it here first, which need not be the author.
    public var source: PeerID
    /// The author, where messages are signed.
    public var author: PeerID?
    public var priority: GossipPriority
}

/// What a router asks for.
public enum GossipEffect: Equatable, Sendable {
    case send(GossipSend)
    /// Answered with `validated`.
    case deliver(GossipDelivery)
    /// Peers of a topic that can be dialled; whoever dials checks the records and the diversity of addresses.
    /// `teller` named them; nil where this node's own configuration does.
    case connect([GossipRPC.Candidate], teller: PeerID?)
    /// The peer is to be disconnected.
    case cut(PeerID, GossipReason)
    /// Said once for a peer and reason while the peer is remembered.
    case log(GossipLog)
}

/// A line for people.
public struct GossipLog: Equatable, Sendable {
    public var peer: PeerID
    public var reason: GossipReason
    public var detail: String
}

/// Why a router does not do what a peer wants. The raw value is the sentence for people.
public enum GossipReason: String, CaseIterable, Sendable {
    case malformed = "sent bytes that are no RPC"
    case graylisted = "its score is below the graylist threshold"
    case tooManyPeers = "there are as many peers as may be"
    case tooManyTopics = "is in more topics than a peer may be in"
    case topicNotJoined = "sent a message of a topic that we are not in"
    case wrongFields = "sent a message with fields that the signature policy forbids, or without some that it asks for"
    case wrongSignature = "sent a message whose signature does not hold"
    case unknownKey = "sent a message whose author has a kind of key that we cannot check"
    case ownMessage = "sent a message of ours that we do not know"
    case waitingFull = "sent a message while as many wait for validation as may wait"
    case notJudged = "sent a message that nobody judged in time"
    case rejected = "sent a message that the validator rejected"
    case lowScoreGossip = "its score is too low to exchange gossip"
    case haveFlood = "announced more messages than it may between two heartbeats"
    case wantFlood = "asked for more messages than it may between two heartbeats"
    case wantRepeated = "asked for a message more often than it may"
    case brokenPromise = "did not send what it had announced"
    case graftBackoff = "grafted before the back-off of a PRUNE had passed"
    case graftLowScore = "grafted with a negative score"
    case graftFull = "grafted while the mesh was full"
    case graftDirect = "grafted although it is a direct peer"
    case exchangeLowScore = "named peers, which its score does not suffice for"
    case prunedLowScore = "left the mesh for a negative score"
    case tooLong = "would be sent something longer than an RPC may be"
}
