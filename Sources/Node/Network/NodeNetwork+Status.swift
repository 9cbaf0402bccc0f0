import PeerNetwork
import Primitives

extension NodeNetwork {
    func status() async -> NetworkStatus {
        let sizes = await service.discoverySizes()
        let reports = await service.report()
        let ranges = await service.connectedRanges()
        return NetworkStatus(
            isOn: true, id: "\(service.host.peer)",
            addresses: service.host.addresses.map { "\($0.with(service.host.peer))" }, known: sizes.known,
            tried: sizes.tried, routing: sizes.routing, bestHeight: await sync.bestHeight,
            isLowBandwidth: service.configuration.isLowBandwidth, addressRanges: ranges, peers: reports.map(Self.view))
    }

    private static func view(_ report: PeerReport) -> NetworkStatus.Peer {
        let offences = (report.conduct?.counts ?? [:]).sorted { $0.key.rawValue < $1.key.rawValue }
        return NetworkStatus.Peer(
            id: "\(report.peer)", address: report.address.map { "\($0)" }, isInbound: report.isInbound,
            isConfigured: report.isConfigured, observed: report.observed.map { "\($0)" }, agent: report.agentVersion,
            receivedBytes: report.traffic.received,
            sentBytes: report.traffic.sent,
            roundTripMicroseconds: report.roundTrip.map { UInt64(max(0, $0 / .microseconds(1))) },
            scoreThousandths: report.gossip.map { thousandths($0.score.total) },
            meshes: report.gossip?.meshes.count ?? 0,
            pointsThousandths: thousandths(report.conduct?.points ?? 0),
            offences: offences.map { NetworkStatus.Peer.Offence(word: $0.key.word, count: $0.value) },
            bannedUntilMilliseconds: report.bannedUntil.map { UInt64(max(0, $0 / .milliseconds(1))) })
    }

    /// Scores of operators' own peers are beyond any number.
    private static func thousandths(_ value: Double) -> Int {
        Int((min(max(value, -1e9), 1e9) * 1_000).rounded())
    }
}

/// How a node is named among its peers.
public enum NetworkIdentity {
    /// The peer id of a node with this network key, as the last part of an address shows it.
    public static func peer(of key: PublicKey) -> String { "\(PeerID(key))" }
}

extension NodeRuntime {
    public func networkStatus() async throws(ServiceError) -> NetworkStatus {
        await network?.status() ?? NetworkStatus(isOn: false)
    }
}
