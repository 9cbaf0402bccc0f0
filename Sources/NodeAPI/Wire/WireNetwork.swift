import Node
import Primitives

extension NetworkStatus: WireCodable {
    public var wire: CBORValue {
        [
            "on": .bool(isOn), "id": .text(id), "addresses": .array(addresses.map { .text($0) }),
            "known": .integer(Int64(known)), "tried": .integer(Int64(tried)), "routing": .integer(Int64(routing)),
            "best_height": .unsigned(bestHeight), "low_bandwidth": .bool(isLowBandwidth),
            "address_ranges": .integer(Int64(addressRanges)),
            "peers": .array(peers.map(\.wire)),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var addresses: [String] = []
        for (index, item) in (wire.value["addresses"]?.array ?? []).enumerated() {
            guard let text = item.text else { throw wire.wrong("addresses[\(index)]", "text") }
            addresses.append(text)
        }
        var peers: [Peer] = []
        for item in try wire.items("peers") { peers.append(try Peer(wire: item)) }
        self.init(
            isOn: try wire.bool("on"), id: try wire.text("id"), addresses: addresses,
            known: try wire.integer("known"), tried: try wire.integer("tried"), routing: try wire.integer("routing"),
            bestHeight: try wire.unsigned("best_height"), isLowBandwidth: try wire.bool("low_bandwidth"),
            addressRanges: try wire.integer("address_ranges"), peers: peers)
    }
}

extension NetworkStatus.Peer: WireCodable {
    public var wire: CBORValue {
        [
            "id": .text(id), "address": .optionalText(address), "inbound": .bool(isInbound),
            "configured": .bool(isConfigured), "observed": .optionalText(observed), "agent": .optionalText(agent),
            "received_bytes": .unsigned(receivedBytes), "sent_bytes": .unsigned(sentBytes),
            "round_trip_us": roundTripMicroseconds.map { .unsigned($0) } ?? .null,
            "score_e3": scoreThousandths.map { .integer(Int64($0)) } ?? .null, "meshes": .integer(Int64(meshes)),
            "points_e3": .integer(Int64(pointsThousandths)),
            "offences": .array(offences.map { ["word": .text($0.word), "count": .unsigned($0.count)] }),
            "banned_until_ms": bannedUntilMilliseconds.map { .unsigned($0) } ?? .null,
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var offences: [Offence] = []
        for item in try wire.items("offences") {
            offences.append(Offence(word: try item.text("word"), count: try item.unsigned("count")))
        }
        let score = wire.value["score_e3"]
        self.init(
            id: try wire.text("id"), address: wire.value["address"]?.text, isInbound: try wire.bool("inbound"),
            isConfigured: try wire.bool("configured"), observed: wire.value["observed"]?.text,
            agent: wire.value["agent"]?.text,
            receivedBytes: try wire.unsigned("received_bytes"), sentBytes: try wire.unsigned("sent_bytes"),
            roundTripMicroseconds: wire.value["round_trip_us"]?.unsigned,
            scoreThousandths: score == nil || score == .null ? nil : try wire.integer("score_e3"),
            meshes: try wire.integer("meshes"), pointsThousandths: try wire.integer("points_e3"), offences: offences,
            bannedUntilMilliseconds: wire.value["banned_until_ms"]?.unsigned)
    }
}
