import NIOCore
import Primitives
import Synchronization

/// Round trips to a peer, as pings measured them.
public struct RoundTrips: Hashable, Sendable {
    public var latest: Duration
    /// The smallest that was seen.
    public var least: Duration
    /// A mean that gives an eighth to each new one (RFC 6298, section 2).
    public var smoothed: Duration
    public var count: Int

    init(_ first: Duration) {
        (latest, least, smoothed, count) = (first, first, first, 1)
    }

    mutating func add(_ time: Duration) {
        latest = time
        least = min(least, time)
        smoothed = smoothed * 7 / 8 + time / 8
        count += 1
    }
}

extension PeerHost {
    static let pingProtocolID = "/ipfs/ping/1.0.0"
    private static let pingByteCount = 32
    /// Streams of pings that a peer may have at once. A stream is over for the peer before the task that serves it has
    /// seen its end, so that pings one after the other overlap here.
    static let pingStreamsPerPeer = 16
    /// How long a peer may keep a ping stream open without pinging.
    private static let pingIdleLimit = Duration.seconds(60)

    /// Sends 32 random bytes, and measures how long the peer takes to send them back.
    @discardableResult
    public func ping(_ peer: PeerID, timeout: Duration = .seconds(10)) async throws(WireError) -> Duration {
        let bytes = SecureRandom.bytes(count: PeerHost.pingByteCount)
        let stream = try await openStream(to: peer, protocols: [PeerHost.pingProtocolID], lazily: false)
        let deadline = stream.reset(after: timeout)
        defer { deadline.cancel() }
        let start = ContinuousClock.now
        do throws(WireError) {
            try await stream.write(bytes)
            let answer = try await stream.read(exactly: PeerHost.pingByteCount)
            let time = ContinuousClock.now - start
            guard answer == bytes else { throw WireError(.malformed, "other bytes than were sent", at: "ping") }
            stream.close()
            note(time, to: peer)
            return time
        } catch {
            stream.reset(error.reason)
            throw error
        }
    }

    func note(_ roundTrip: Duration, to peer: PeerID) {
        state.withLock { state in
            guard state.connections[peer] != nil else { return }
            if state.roundTrips[peer]?.add(roundTrip) == nil { state.roundTrips[peer] = RoundTrips(roundTrip) }
        }
    }

    /// What pings to a connected peer have measured.
    public func roundTrips(to peer: PeerID) -> RoundTrips? { state.withLock { $0.roundTrips[peer] } }

    /// Sends back what comes, 32 bytes at a time, until the peer ends its side.
    static func answerPings(_ stream: PeerStream) async {
        do throws(WireError) {
            while true {
                let deadline = stream.reset(after: pingIdleLimit)
                defer { deadline.cancel() }
                guard let bytes = try await stream.read(exactly: pingByteCount) else { return }
                try await stream.write(bytes)
            }
        } catch {
            stream.reset(error.reason)
        }
    }
}
