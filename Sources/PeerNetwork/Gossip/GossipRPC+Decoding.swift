import Primitives

extension GossipRPC {
    /// Reads an RPC, and refuses one that holds more than the limits allow before it keeps the surplus.
    ///
    /// Fields that no version up to 1.2 knows are skipped.
    public init(_ bytes: [UInt8], limits: GossipLimits = GossipLimits()) throws(FormatError) {
        guard bytes.count <= limits.rpcByteCount else {
            throw FormatError(.tooLong, "\(bytes.count) bytes, of \(limits.rpcByteCount) at most", at: "gossip RPC")
        }
        var decoder = GossipRPCDecoder(limits: limits)
        try decoder.read(bytes[...])
        self = decoder.rpc
    }
}

/// An RPC in the making, and what is left of its limits.
private struct GossipRPCDecoder {
    let limits: GossipLimits
    var rpc = GossipRPC()
    private var idCount = 0
    private var candidateCount = 0

    init(limits: GossipLimits) { self.limits = limits }

    mutating func read(_ bytes: ArraySlice<UInt8>) throws(FormatError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1:
                try check(rpc.subscriptions.count, limits.subscriptionCount, "subscriptions")
                rpc.subscriptions.append(try subscription(try field.bytes()))
            case 2:
                try check(rpc.messages.count, limits.messageCount, "messages")
                rpc.messages.append(try GossipMessage(try field.bytes(), limits: limits))
            case 3: try readControl(try field.bytes())
            default: break
            }
        }
    }

    private func check(_ count: Int, _ limit: Int, _ what: String) throws(FormatError) {
        guard count < limit else { throw FormatError(.tooLong, "more than \(limit) \(what)", at: "gossip RPC") }
    }

    private func subscription(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> GossipRPC.Subscription {
        var reader = ProtobufReader(bytes)
        var isSubscribed = false
        var topic: String?
        while let field = try reader.next() {
            switch field.number {
            case 1: isSubscribed = try field.varint() != 0
            case 2: topic = try field.text(atMost: limits.topicByteCount)
            default: break
            }
        }
        return GossipRPC.Subscription(topic: try required(topic), isSubscribed: isSubscribed)
    }

    private func required(_ topic: String?) throws(FormatError) -> String {
        guard let topic else { throw FormatError(.truncated, "a topic is missing", at: "gossip RPC") }
        return topic
    }

    private mutating func readControl(_ bytes: ArraySlice<UInt8>) throws(FormatError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1:
                try check(rpc.haves.count, limits.controlCount, "IHAVE messages")
                rpc.haves.append(try have(try field.bytes()))
            case 2: try readIDs(try field.bytes(), into: \.wants)
            case 3:
                try check(rpc.grafts.count, limits.controlCount, "GRAFT messages")
                rpc.grafts.append(try graft(try field.bytes()))
            case 4:
                try check(rpc.prunes.count, limits.controlCount, "PRUNE messages")
                rpc.prunes.append(try prune(try field.bytes()))
            case 5: try readIDs(try field.bytes(), into: \.unwanted)
            default: break
            }
        }
    }

    private mutating func id(_ field: ProtobufReader.Field) throws(FormatError) -> GossipMessageID {
        try check(idCount, limits.idCount, "message ids")
        idCount += 1
        return GossipMessageID(try field.bytes(atMost: limits.idByteCount))
    }

    private mutating func readIDs(
        _ bytes: ArraySlice<UInt8>, into list: WritableKeyPath<GossipRPC, [GossipMessageID]>
    ) throws(FormatError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            if field.number == 1 { rpc[keyPath: list].append(try id(field)) }
        }
    }

    private mutating func have(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> GossipRPC.Have {
        var reader = ProtobufReader(bytes)
        var topic: String?
        var ids: [GossipMessageID] = []
        while let field = try reader.next() {
            switch field.number {
            case 1: topic = try field.text(atMost: limits.topicByteCount)
            case 2: ids.append(try id(field))
            default: break
            }
        }
        return GossipRPC.Have(topic: try required(topic), ids: ids)
    }

    private func graft(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> String {
        var reader = ProtobufReader(bytes)
        var topic: String?
        while let field = try reader.next() {
            if field.number == 1 { topic = try field.text(atMost: limits.topicByteCount) }
        }
        return try required(topic)
    }

    private mutating func prune(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> GossipRPC.Prune {
        var reader = ProtobufReader(bytes)
        var topic: String?
        var prune = GossipRPC.Prune(topic: "")
        while let field = try reader.next() {
            switch field.number {
            case 1: topic = try field.text(atMost: limits.topicByteCount)
            case 2:
                try check(candidateCount, limits.candidateCount, "peers to connect to")
                candidateCount += 1
                prune.candidates.append(try candidate(try field.bytes()))
            case 3: prune.backoffSeconds = try field.varint()
            default: break
            }
        }
        prune.topic = try required(topic)
        return prune
    }

    private func candidate(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> GossipRPC.Candidate {
        var reader = ProtobufReader(bytes)
        var candidate = GossipRPC.Candidate(peer: [], record: nil)
        while let field = try reader.next() {
            switch field.number {
            case 1: candidate.peer = try field.bytes(atMost: limits.idByteCount)
            case 2: candidate.record = try field.bytes(atMost: limits.recordByteCount)
            default: break
            }
        }
        return candidate
    }
}
