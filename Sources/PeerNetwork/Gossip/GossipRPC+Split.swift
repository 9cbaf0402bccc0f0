extension GossipRPC {
    /// The RPC in parts of a length at most, in the same order, and what is longer than a part even alone.
    ///
    /// A peer refuses an RPC above its limit, so that what belongs together goes in several.
    public func split(atMost limit: Int) -> (parts: [GossipRPC], tooLong: [GossipRPC]) {
        guard encodedByteCount > limit else { return ([self], []) }
        var splitter = GossipSplitter(limit: limit)
        for subscription in subscriptions { splitter.add { $0.subscriptions = [subscription] } }
        for message in messages { splitter.add { $0.messages = [message] } }
        for have in haves {
            for ids in have.ids.chunks(atMost: splitter.idLimit) {
                splitter.add { $0.haves = [Have(topic: have.topic, ids: ids)] }
            }
        }
        for ids in wants.chunks(atMost: splitter.idLimit) { splitter.add { $0.wants = ids } }
        for topic in grafts { splitter.add { $0.grafts = [topic] } }
        for prune in prunes { splitter.add { $0.prunes = [prune] } }
        for ids in unwanted.chunks(atMost: splitter.idLimit) { splitter.add { $0.unwanted = ids } }
        return splitter.finish()
    }
}

/// Fills parts one after the other. The sum of the lengths of what is merged is never below the length of the whole,
/// since merging only takes headers away.
private struct GossipSplitter {
    let limit: Int
    private var parts: [GossipRPC] = []
    private var tooLong: [GossipRPC] = []
    private var current = GossipRPC()
    private var byteCount = 0

    init(limit: Int) { self.limit = limit }

    /// Ids of one list are cut at a quarter of a part, so that the rest of it finds room.
    var idLimit: Int { max(limit / 4, 1) }

    mutating func add(_ fill: (inout GossipRPC) -> Void) {
        var piece = GossipRPC()
        fill(&piece)
        let count = piece.encodedByteCount
        guard count <= limit else { return tooLong.append(piece) }
        if byteCount + count > limit {
            parts.append(current)
            current = GossipRPC()
            byteCount = 0
        }
        current.merge(piece)
        byteCount += count
    }

    consuming func finish() -> (parts: [GossipRPC], tooLong: [GossipRPC]) {
        if byteCount > 0 { parts.append(current) }
        return (parts, tooLong)
    }
}

extension [GossipMessageID] {
    /// The ids in lists whose fields take so many bytes at most, one id at least.
    fileprivate func chunks(atMost byteLimit: Int) -> [[GossipMessageID]] {
        var chunks: [[GossipMessageID]] = []
        var current: [GossipMessageID] = []
        var byteCount = 0
        for id in self {
            let count = GossipSize.field(id.bytes.count)
            if byteCount + count > byteLimit, !current.isEmpty {
                chunks.append(current)
                current = []
                byteCount = 0
            }
            current.append(id)
            byteCount += count
        }
        if !current.isEmpty { chunks.append(current) }
        return chunks
    }
}
