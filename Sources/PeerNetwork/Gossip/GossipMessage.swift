import Primitives

/// What tells one message from another in a router: 20 bytes of a digest, or author and sequence.
public struct GossipMessageID: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var description: String { Hex.encode(bytes) }
}

/// One published message as it travels (the pubsub specification, section "The Message").
///
/// Fields that are nil are absent on the wire, not empty: that is what the policy StrictNoSign asks for.
public struct GossipMessage: Hashable, Sendable {
    /// The author's peer id in binary.
    public var author: [UInt8]?
    public var data: [UInt8]
    /// Eight bytes, most significant first, where the author follows the specification.
    public var sequence: [UInt8]?
    public var topic: String
    public var signature: [UInt8]?
    /// The author's public key, where the id does not hold it.
    public var key: [UInt8]?

    public init(
        topic: String, data: [UInt8], author: [UInt8]? = nil, sequence: [UInt8]? = nil, signature: [UInt8]? = nil,
        key: [UInt8]? = nil
    ) {
        self.topic = topic
        self.data = data
        self.author = author
        self.sequence = sequence
        self.signature = signature
        self.key = key
    }

    /// The message's bytes, fields in ascending order; without `signed` the signature and the key are left out,
    /// as all implementations do when they sign.
    func encode(to writer: inout ProtobufWriter, signed: Bool = true) {
        if let author { writer.bytes(1, author) }
        writer.bytes(2, data)
        if let sequence { writer.bytes(3, sequence) }
        writer.text(4, topic)
        guard signed else { return }
        if let signature { writer.bytes(5, signature) }
        if let key { writer.bytes(6, key) }
    }

    /// The length of what `encode` writes.
    var encodedByteCount: Int {
        var count = GossipSize.field(data.count) + GossipSize.field(topic.utf8.count)
        for part in [author, sequence, signature, key] {
            if let part { count += GossipSize.field(part.count) }
        }
        return count
    }

    init(_ bytes: ArraySlice<UInt8>, limits: GossipLimits) throws(FormatError) {
        var reader = ProtobufReader(bytes)
        var topic: String?
        self.init(topic: "", data: [])
        while let field = try reader.next() {
            switch field.number {
            case 1: author = try field.bytes(atMost: limits.idByteCount)
            case 2: data = try field.bytes(atMost: limits.dataByteCount)
            case 3: sequence = try field.bytes(atMost: limits.idByteCount)
            case 4: topic = try field.text(atMost: limits.topicByteCount)
            case 5: signature = try field.bytes(atMost: limits.keyByteCount)
            case 6: key = try field.bytes(atMost: limits.keyByteCount)
            default: break
            }
        }
        guard let topic else { throw FormatError(.truncated, "the topic is missing", at: "gossip message") }
        self.topic = topic
    }
}

/// How ids of messages are made; all routers of a topic must agree on it.
public enum GossipIdentification: Sendable {
    /// The first 20 bytes of BLAKE2b-256 over the topic's length as a varint, the topic and the data. The length keeps
    /// a topic's end and the data's beginning apart.
    case content
    /// The author's id followed by the sequence, which is the default of other libp2p implementations.
    case author

    /// The bytes of an id by content.
    public static let contentByteCount = 20

    public func id(of message: GossipMessage) -> GossipMessageID {
        switch self {
        case .author:
            return GossipMessageID((message.author ?? []) + (message.sequence ?? []))
        case .content:
            let topic = message.topic.utf8
            var prefix: [UInt8] = []
            Varint.append(UInt64(topic.count), to: &prefix)
            var hasher = DigestHasher()
            hasher.update(prefix + topic)
            hasher.update(message.data)
            return GossipMessageID(Array(hasher.finish().bytes.prefix(GossipIdentification.contentByteCount)))
        }
    }
}

/// Lengths of protobuf fields, to know a message's size before it is written.
enum GossipSize {
    static func varint(_ value: Int) -> Int { max(1, (Int.bitWidth - value.leadingZeroBitCount + 6) / 7) }

    /// A field of bytes with a number below 16.
    static func field(_ count: Int) -> Int { 1 + varint(count) + count }
}
