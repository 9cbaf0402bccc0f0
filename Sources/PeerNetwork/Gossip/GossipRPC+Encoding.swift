import Primitives

extension GossipRPC {
    /// The bytes of the RPC, without a length before them.
    public func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        for subscription in subscriptions {
            writer.message(1) {
                $0.varint(1, subscription.isSubscribed ? 1 : 0)
                $0.text(2, subscription.topic)
            }
        }
        for message in messages { writer.message(2) { message.encode(to: &$0) } }
        if hasControl { writer.message(3) { encodeControl(to: &$0) } }
        return writer.bytes
    }

    private func encodeControl(to writer: inout ProtobufWriter) {
        for have in haves {
            writer.message(1) {
                $0.text(1, have.topic)
                for id in have.ids { $0.bytes(2, id.bytes) }
            }
        }
        if !wants.isEmpty { writer.message(2) { for id in wants { $0.bytes(1, id.bytes) } } }
        for topic in grafts { writer.message(3) { $0.text(1, topic) } }
        for prune in prunes { writer.message(4) { prune.encode(to: &$0) } }
        if !unwanted.isEmpty { writer.message(5) { for id in unwanted { $0.bytes(1, id.bytes) } } }
    }

    /// The length of `encoded()`.
    public var encodedByteCount: Int {
        var count = 0
        for subscription in subscriptions {
            count += GossipSize.field(2 + GossipSize.field(subscription.topic.utf8.count))
        }
        for message in messages { count += GossipSize.field(message.encodedByteCount) }
        if hasControl { count += GossipSize.field(controlByteCount) }
        return count
    }

    private var controlByteCount: Int {
        var count = 0
        for have in haves { count += GossipSize.field(have.encodedByteCount) }
        if !wants.isEmpty { count += GossipSize.field(wants.encodedByteCount) }
        for topic in grafts { count += GossipSize.field(GossipSize.field(topic.utf8.count)) }
        for prune in prunes { count += GossipSize.field(prune.encodedByteCount) }
        if !unwanted.isEmpty { count += GossipSize.field(unwanted.encodedByteCount) }
        return count
    }
}

extension GossipRPC.Have {
    var encodedByteCount: Int { GossipSize.field(topic.utf8.count) + ids.encodedByteCount }
}

extension GossipRPC.Prune {
    func encode(to writer: inout ProtobufWriter) {
        writer.text(1, topic)
        for candidate in candidates {
            writer.message(2) {
                $0.bytes(1, candidate.peer)
                if let record = candidate.record { $0.bytes(2, record) }
            }
        }
        if let backoffSeconds { writer.varint(3, backoffSeconds) }
    }

    var encodedByteCount: Int {
        var count = GossipSize.field(topic.utf8.count)
        for candidate in candidates { count += GossipSize.field(candidate.encodedByteCount) }
        // A number of 64 bits may take ten bytes.
        if let backoffSeconds {
            count += 1 + (backoffSeconds > UInt64(Int.max) ? 10 : GossipSize.varint(Int(backoffSeconds)))
        }
        return count
    }
}

extension GossipRPC.Candidate {
    var encodedByteCount: Int {
        GossipSize.field(peer.count) + (record.map { GossipSize.field($0.count) } ?? 0)
    }
}

extension [GossipMessageID] {
    /// The length of the ids as repeated fields.
    var encodedByteCount: Int { reduce(0) { $0 + GossipSize.field($1.bytes.count) } }
}
