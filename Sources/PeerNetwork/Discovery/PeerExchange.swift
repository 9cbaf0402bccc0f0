import Primitives

/// A message of `/vinculum/peers/1`: "whom do you know?" and the answer. Protobuf with the length in front:
/// `Request { uint64 count = 1; }` and `Response { repeated Peer peers = 2; }` with
/// `Peer { bytes id = 1; repeated bytes addrs = 2; bytes signedRecord = 3; }`, where the record is a signed envelope of
/// libp2p (RFC 0003), carried as it is.
public enum PeerExchangeMessage: Hashable, Sendable {
    case request(count: Int)
    case response([Peer])

    public struct Peer: Hashable, Sendable {
        public var contact: KademliaContact
        public var signedRecord: [UInt8]?

        public init(_ contact: KademliaContact, signedRecord: [UInt8]? = nil) {
            self.contact = contact
            self.signedRecord = signedRecord
        }
    }

    public static let protocolID = "/vinculum/peers/1"

    public enum Limits {
        /// Peers in a response.
        public static let peers = 32
        /// Addresses of a peer.
        public static let addresses = 4
        /// The longest signed record, in bytes.
        public static let record = 2_048
        /// The longest message, in bytes.
        public static let bytes = 128 << 10
    }

    public var bytes: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .request(let count): writer.varint(1, UInt64(min(max(count, 1), Limits.peers)))
        case .response(let peers):
            for peer in peers.prefix(Limits.peers) {
                writer.message(2) { inner in
                    inner.bytes(1, peer.contact.id.bytes)
                    for address in peer.contact.addresses.prefix(Limits.addresses) { inner.bytes(2, address.bytes) }
                    if let record = peer.signedRecord { inner.bytes(3, record) }
                }
            }
        }
        return writer.bytes
    }

    /// Reads a request: nothing but a count.
    public static func readRequest(_ bytes: [UInt8]) throws(FormatError) -> PeerExchangeMessage {
        try checkLength(bytes)
        var reader = ProtobufReader(bytes)
        var count = UInt64(Limits.peers)
        while let field = try reader.next() {
            if field.number == 1 { count = try field.varint() }
        }
        return .request(count: Int(min(max(count, 1), UInt64(Limits.peers))))
    }

    /// Reads a response. Addresses of protocols that are unknown here are left out.
    public static func readResponse(_ bytes: [UInt8]) throws(FormatError) -> PeerExchangeMessage {
        try checkLength(bytes)
        var reader = ProtobufReader(bytes)
        var peers: [Peer] = []
        while let field = try reader.next() {
            guard field.number == 2 else { continue }
            guard peers.count < Limits.peers else {
                throw FormatError(.tooLong, "more than \(Limits.peers) peers", at: "peer exchange")
            }
            peers.append(try peer(try field.bytes()))
        }
        return .response(peers)
    }

    private static func checkLength(_ bytes: [UInt8]) throws(FormatError) {
        guard bytes.count <= Limits.bytes else {
            throw FormatError(.tooLong, "\(bytes.count) bytes, of \(Limits.bytes) at most", at: "peer exchange")
        }
    }

    private static func peer(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> Peer {
        var reader = ProtobufReader(bytes)
        var id: PeerID?
        var addresses: [Multiaddr] = []
        var record: [UInt8]?
        var count = 0
        while let field = try reader.next() {
            switch field.number {
            case 1: id = try PeerID(multihash: try field.bytes(atMost: KademliaMessage.Limits.key))
            case 2:
                count += 1
                guard count <= Limits.addresses else {
                    throw FormatError(.tooLong, "more than \(Limits.addresses) addresses", at: "peer exchange")
                }
                if let address = try? Multiaddr(bytes: try field.bytes()) { addresses.append(address) }
            case 3: record = try field.bytes(atMost: Limits.record)
            default: break
            }
        }
        guard let id else { throw FormatError(.truncated, "a peer without an id", at: "peer exchange") }
        return Peer(KademliaContact(id: id, addresses: addresses), signedRecord: record)
    }
}

/// Asks peers for peers, and answers them: bounded in rate, and with one answer for all for a while, so that nobody
/// reads the whole book by asking often. One owner at a time.
public struct PeerExchange: Sendable {
    public struct Configuration: Hashable, Sendable {
        /// Requests that one peer may send.
        public var requestRate = TokenBucket.Rate(burst: 2, perSecond: 1 / 300)
        /// How often one peer is asked.
        public var askInterval: Duration = .seconds(1_800)
        /// How long one sample answers all requests.
        public var sampleHoldsFor: Duration = .seconds(600)
        /// Addresses that were last seen longer ago are not handed on.
        public var recency: Duration = .seconds(24 * 3600)
        /// For networks of one site, whose addresses are all private.
        public var sharesPrivate = false
        public var peerLimit = 4_096

        public init() {}
    }

    public enum Refusal: Error, Hashable, Sendable {
        case tooMany
        case notAsked
        case malformed(FormatError)
    }

    public var configuration: Configuration
    private var limiter: KeyedRateLimiter<PeerID>
    private var asked: [PeerID: Duration] = [:]
    private var waitingFor: Set<PeerID> = []
    private var sample: (peers: [KademliaContact], taken: Duration)?
    private var random: PeerRandom

    public init(configuration: Configuration = Configuration(), random: PeerRandom = PeerRandom()) {
        self.configuration = configuration
        self.random = random
        limiter = KeyedRateLimiter(configuration.requestRate, keyLimit: configuration.peerLimit)
    }

    /// The request for a peer, or nil when it was asked lately.
    public mutating func ask(_ peer: PeerID, now: Duration) -> PeerExchangeMessage? {
        if let last = asked[peer], now >= last, now - last < configuration.askInterval { return nil }
        if asked.count >= configuration.peerLimit {
            asked = asked.filter { now - $0.value < configuration.askInterval }
            waitingFor.formIntersection(asked.keys)
            guard asked.count < configuration.peerLimit else { return nil }
        }
        asked[peer] = now
        waitingFor.insert(peer)
        return .request(count: PeerExchangeMessage.Limits.peers)
    }

    /// The request failed or its connection ended.
    public mutating func failed(_ peer: PeerID) { waitingFor.remove(peer) }

    /// Answers a peer from the book; `now` as the book's.
    public mutating func respond(
        to bytes: [UInt8], from peer: PeerID, book: AddressBook, now: Duration
    ) throws(Refusal) -> PeerExchangeMessage {
        guard limiter.take(peer, now: now) else { throw .tooMany }
        let request: PeerExchangeMessage
        do { request = try PeerExchangeMessage.readRequest(bytes) } catch { throw .malformed(error) }
        guard case .request(let count) = request else { return .response([]) }
        if sample == nil || now - (sample?.taken ?? now) >= configuration.sampleHoldsFor {
            let since = now > configuration.recency ? now - configuration.recency : .zero
            let peers = book.sample(
                count: PeerExchangeMessage.Limits.peers, seenSince: since,
                includesPrivate: configuration.sharesPrivate, random: &random)
            sample = (peers, now)
        }
        let others = (sample?.peers ?? []).filter { $0.id != peer }
        return .response(others.prefix(count).map { PeerExchangeMessage.Peer($0) })
    }

    /// Takes the answer of a peer that was asked, into the book.
    /// - Returns: how many addresses were new.
    public mutating func take(
        _ bytes: [UInt8], from peer: PeerID, host: HostAddress?, owner: PeerID, book: inout AddressBook, now: Duration
    ) throws(Refusal) -> Int {
        guard waitingFor.remove(peer) != nil else { throw .notAsked }
        let response: PeerExchangeMessage
        do { response = try PeerExchangeMessage.readResponse(bytes) } catch { throw .malformed(error) }
        guard case .response(let peers) = response else { return 0 }
        var added = 0
        for named in peers.map(\.contact) where named.id != owner {
            for address in named.addresses where address.peer == nil || address.peer == named.id {
                let result = book.add(named.id, address, source: .peerExchange, teller: host, now: now)
                if result == .added { added += 1 }
            }
        }
        return added
    }
}
