import Primitives

/// What two routers say to one another: the message `RPC` of the pubsub and gossipsub specifications, with the control
/// messages of version 1.1 and IDONTWANT of 1.2.
///
/// The ids of all IWANT (and of all IDONTWANT) messages of one RPC stand in one list: their grouping means nothing.
public struct GossipRPC: Equatable, Sendable {
    public struct Subscription: Equatable, Sendable {
        public var topic: String
        /// False announces that the sender has left the topic.
        public var isSubscribed: Bool

        public init(topic: String, isSubscribed: Bool) {
            self.topic = topic
            self.isSubscribed = isSubscribed
        }
    }

    /// IHAVE: messages of a topic that the sender holds.
    public struct Have: Equatable, Sendable {
        public var topic: String
        public var ids: [GossipMessageID]

        public init(topic: String, ids: [GossipMessageID]) {
            self.topic = topic
            self.ids = ids
        }
    }

    /// A peer that somebody else may want to connect to.
    public struct Candidate: Hashable, Sendable {
        /// In binary; not yet checked to be an id.
        public var peer: [UInt8]
        /// A signed peer record, opaque here.
        public var record: [UInt8]?

        public init(peer: [UInt8], record: [UInt8]?) {
            self.peer = peer
            self.record = record
        }
    }

    /// PRUNE: the sender has taken the receiver out of the topic's mesh.
    public struct Prune: Equatable, Sendable {
        public var topic: String
        public var candidates: [Candidate]
        /// How long not to come back, in seconds; nil from version 1.0.
        public var backoffSeconds: UInt64?

        public init(topic: String, candidates: [Candidate] = [], backoffSeconds: UInt64? = nil) {
            self.topic = topic
            self.candidates = candidates
            self.backoffSeconds = backoffSeconds
        }
    }

    public var subscriptions: [Subscription] = []
    public var messages: [GossipMessage] = []
    public var haves: [Have] = []
    /// IWANT: messages that the sender asks for.
    public var wants: [GossipMessageID] = []
    /// GRAFT: topics in whose mesh the sender has taken the receiver.
    public var grafts: [String] = []
    public var prunes: [Prune] = []
    /// IDONTWANT: messages that the sender holds already.
    public var unwanted: [GossipMessageID] = []

    public init() {}

    public var isEmpty: Bool { self == GossipRPC() }

    /// Appends what the other says.
    public mutating func merge(_ other: GossipRPC) {
        subscriptions += other.subscriptions
        messages += other.messages
        haves += other.haves
        wants += other.wants
        grafts += other.grafts
        prunes += other.prunes
        unwanted += other.unwanted
    }

    var hasControl: Bool {
        !(haves.isEmpty && wants.isEmpty && grafts.isEmpty && prunes.isEmpty && unwanted.isEmpty)
    }
}

/// What a decoder keeps of an RPC at most. More is an error, and the peer that sent it is cut.
public struct GossipLimits: Equatable, Sendable {
    /// The length of a whole RPC.
    public var rpcByteCount = 4 << 20
    /// The length of one message's data.
    public var dataByteCount = 3 << 20
    public var topicByteCount = 256
    /// The length of a message's id, an author and a sequence.
    public var idByteCount = 128
    /// The length of a signature or a key.
    public var keyByteCount = 2_048
    /// The length of a signed peer record.
    public var recordByteCount = 8_192
    public var subscriptionCount = 1_024
    public var messageCount = 4_096
    /// IHAVE entries, GRAFTs and PRUNEs, each.
    public var controlCount = 1_024
    /// Message ids of IHAVE, IWANT and IDONTWANT together.
    public var idCount = 32_768
    /// Peers in all PRUNEs together.
    public var candidateCount = 512

    public init() {}
}
