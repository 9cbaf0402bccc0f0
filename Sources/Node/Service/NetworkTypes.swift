/// A node among others at one moment.
public struct NetworkStatus: Sendable, Hashable {
    /// False for a node that stays by itself; the rest is empty then.
    public var isOn: Bool
    /// The id that peers know this node by.
    public var id: String
    /// Where it listens, each with its id.
    public var addresses: [String]
    /// Peers whose addresses are known, those that were once reached, and those in the routing table.
    public var known: Int
    public var tried: Int
    public var routing: Int
    /// The highest chain that a connected peer speaks of.
    public var bestHeight: UInt64
    public var isLowBandwidth: Bool
    /// Address ranges (/16, /32 of version 6) that connected peers are in; those of private networks count one each.
    public var addressRanges: Int
    /// Connected peers, and those whose conduct is remembered.
    public var peers: [Peer]

    public struct Peer: Sendable, Hashable {
        public var id: String
        /// Nil for one that is not connected.
        public var address: String?
        public var isInbound: Bool
        public var isConfigured: Bool
        /// The address of this node that the peer sees; nil where it has not said.
        public var observed: String?
        public var agent: String?
        public var receivedBytes: UInt64
        public var sentBytes: UInt64
        /// Of pings; nil before the first.
        public var roundTripMicroseconds: UInt64?
        /// The score of gossip in thousandths; nil where it does not gossip.
        public var scoreThousandths: Int?
        /// Topics in whose mesh it is.
        public var meshes: Int
        /// Points of misconduct that have not faded yet, in thousandths.
        public var pointsThousandths: Int
        /// What it did wrong, and how often: `"invalid block"`: 2.
        public var offences: [Offence]
        /// Milliseconds since 1970; nil when it is not banned.
        public var bannedUntilMilliseconds: UInt64?

        public struct Offence: Sendable, Hashable {
            public var word: String
            public var count: UInt64

            public init(word: String, count: UInt64) {
                self.word = word
                self.count = count
            }
        }

        public init(
            id: String, address: String?, isInbound: Bool, isConfigured: Bool, observed: String? = nil,
            agent: String?, receivedBytes: UInt64, sentBytes: UInt64, roundTripMicroseconds: UInt64?,
            scoreThousandths: Int?,
            meshes: Int,
            pointsThousandths: Int, offences: [Offence], bannedUntilMilliseconds: UInt64?
        ) {
            self.id = id
            self.address = address
            self.isInbound = isInbound
            self.isConfigured = isConfigured
            self.observed = observed
            self.agent = agent
            self.receivedBytes = receivedBytes
            self.sentBytes = sentBytes
            self.roundTripMicroseconds = roundTripMicroseconds
            self.scoreThousandths = scoreThousandths
            self.meshes = meshes
            self.pointsThousandths = pointsThousandths
            self.offences = offences
            self.bannedUntilMilliseconds = bannedUntilMilliseconds
        }
    }

    public init(
        isOn: Bool, id: String = "", addresses: [String] = [], known: Int = 0, tried: Int = 0, routing: Int = 0,
        bestHeight: UInt64 = 0, isLowBandwidth: Bool = false, addressRanges: Int = 0, peers: [Peer] = []
    ) {
        self.isOn = isOn
        self.id = id
        self.addresses = addresses
        self.known = known
        self.tried = tried
        self.routing = routing
        self.bestHeight = bestHeight
        self.isLowBandwidth = isLowBandwidth
        self.addressRanges = addressRanges
        self.peers = peers
    }
}
