import Primitives

/// A message of the Kademlia protocol of libp2p (kad-dht specification, "RPC messages"), as far as we take part in it:
/// peers and providers. Value records are carried by nobody here; see `KademliaRefusal.valueRecords`.
public struct KademliaMessage: Hashable, Sendable {
    public enum Kind: UInt64, Hashable, Sendable {
        case putValue = 0
        case getValue = 1
        case addProvider = 2
        case getProviders = 3
        case findNode = 4
        case ping = 5
    }

    /// What the sender says of its connection to a peer. A hint; nothing here relies on it.
    public enum Connection: UInt64, Hashable, Sendable {
        case notConnected = 0
        case connected = 1
        case canConnect = 2
        case cannotConnect = 3
    }

    public struct Peer: Hashable, Sendable {
        public var contact: KademliaContact
        public var connection: Connection

        public init(_ contact: KademliaContact, connection: Connection = .notConnected) {
            self.contact = contact
            self.connection = connection
        }
    }

    public var kind: Kind
    /// The bytes of a peer id (FIND_NODE) or of an object's multihash (providers).
    public var key: [UInt8]
    public var closer: [Peer]
    public var providers: [Peer]

    public init(_ kind: Kind, key: [UInt8] = [], closer: [Peer] = [], providers: [Peer] = []) {
        self.kind = kind
        self.key = key
        self.closer = closer
        self.providers = providers
    }

    /// The protocol id that Vinculum's nodes speak; `/ipfs/kad/1.0.0` has the same messages.
    public static let protocolID = "/vinculum/kad/1.0.0"

    /// What one message may hold. Above a limit the message is refused whole, since no honest peer writes such.
    public enum Limits {
        /// The longest message, in bytes.
        public static let bytes = 128 << 10
        /// The longest key, in bytes.
        public static let key = 128
        /// Peers in each of the two lists.
        public static let peers = 64
        /// Addresses of one peer on the wire.
        public static let addresses = 32
        /// Addresses of one peer that are kept; more are read over.
        public static let keptAddresses = 8
    }
}

extension KademliaMessage {
    /// The protobuf form, without the length in front. Lists are cut to what a reader accepts.
    public var bytes: [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, kind.rawValue)
        if !key.isEmpty { writer.bytes(2, key) }
        for (number, peers) in [(UInt64(8), closer), (9, providers)] {
            for peer in peers.prefix(Limits.peers) {
                writer.message(number) { inner in
                    inner.bytes(1, peer.contact.id.bytes)
                    for address in peer.contact.addresses.prefix(Limits.keptAddresses) { inner.bytes(2, address.bytes) }
                    if peer.connection != .notConnected { inner.varint(3, peer.connection.rawValue) }
                }
            }
        }
        return writer.bytes
    }

    /// Reads the protobuf form. Addresses of protocols that are unknown here and peers whose id is none are left out,
    /// as every peer does, since the network has more kinds of both than one node knows.
    public init(_ bytes: [UInt8]) throws(FormatError) {
        guard bytes.count <= Limits.bytes else {
            throw FormatError(.tooLong, "\(bytes.count) bytes, of \(Limits.bytes) at most", at: "kademlia message")
        }
        var reader = ProtobufReader(bytes)
        // A field that is left out has its default, and that of an enumeration is its zero.
        self.init(.putValue)
        var counts: [UInt64: Int] = [:]
        while let field = try reader.next() {
            switch field.number {
            case 1:
                let value = try field.varint()
                guard let kind = Kind(rawValue: value) else {
                    throw FormatError(.unsupported, "message type \(value)", at: "kademlia message")
                }
                self.kind = kind
            case 2: key = try field.bytes(atMost: Limits.key)
            case 8, 9:
                counts[field.number, default: 0] += 1
                guard counts[field.number, default: 0] <= Limits.peers else {
                    throw FormatError(.tooLong, "more than \(Limits.peers) peers", at: "kademlia message")
                }
                guard let peer = try KademliaMessage.peer(try field.bytes()) else { continue }
                if field.number == 8 { closer.append(peer) } else { providers.append(peer) }
            default: break
            }
        }
    }

    private static func peer(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> Peer? {
        var reader = ProtobufReader(bytes)
        var id: PeerID?
        var addresses: [Multiaddr] = []
        var connection = Connection.notConnected
        var count = 0
        while let field = try reader.next() {
            switch field.number {
            case 1: id = try? PeerID(multihash: try field.bytes(atMost: Limits.key))
            case 2:
                count += 1
                guard count <= Limits.addresses else {
                    throw FormatError(.tooLong, "more than \(Limits.addresses) addresses", at: "kademlia peer")
                }
                let bytes = try field.bytes()
                if addresses.count < Limits.keptAddresses, let address = try? Multiaddr(bytes: bytes) {
                    addresses.append(address)
                }
            case 3: connection = Connection(rawValue: try field.varint()) ?? .notConnected
            default: break
            }
        }
        return id.map { Peer(KademliaContact(id: $0, addresses: addresses), connection: connection) }
    }
}

/// Why a request gets no answer. The stream is reset; what the conduct costs is the caller's to decide.
public enum KademliaRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// PUT_VALUE and GET_VALUE: there is nothing that a value of anyone's choice would be for.
    case valueRecords
    case malformed(FormatError)
    case emptyKey
    /// ADD_PROVIDER that does not name its sender.
    case providesForOthers
    case noRoomForProviders(String)
    /// Asked more often than the rate for one peer.
    case tooMany

    public var description: String {
        switch self {
        case .valueRecords: "value records are not stored here [valueRecords]"
        case .malformed(let error): "\(error) [malformed]"
        case .emptyKey: "a request without a key [emptyKey]"
        case .providesForOthers: "announces other providers than itself [providesForOthers]"
        case .noRoomForProviders(let reason): "\(reason) [noRoomForProviders]"
        case .tooMany: "more requests than one peer may send [tooMany]"
        }
    }
}
