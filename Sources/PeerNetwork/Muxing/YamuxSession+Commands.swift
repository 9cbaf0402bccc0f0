import NIOCore

/// What a session knows of one stream.
struct YamuxStreamState: Sendable {
    let isInbound: Bool
    /// Bytes that we may send.
    var sendWindow = YamuxSession.initialWindow
    /// Bytes that the peer may send.
    var receiveWindow = YamuxSession.initialWindow
    /// What the receive window is opened up to.
    var windowTarget = YamuxSession.initialWindow
    /// Bytes that came and that the reader has not taken.
    var unread = 0
    var sentEnd = false
    var receivedEnd = false
    var isAcknowledged = false
    /// SYN or ACK, until the first frame carries it.
    var pendingFlags: YamuxHeader.Flags
    /// When the window was opened last.
    var updated: NIODeadline?

    init(isInbound: Bool) {
        self.isInbound = isInbound
        pendingFlags = isInbound ? .ack : .syn
    }
}

extension YamuxSession {
    /// The most bytes of data in a frame, so that it fills a frame of Noise with its header.
    static let frameLimit = NoiseSealer.frameCapacity - YamuxHeader.byteCount

    /// A new stream of ours. The peer learns of it with the first frame.
    mutating func open() throws(WireError) -> UInt32 {
        guard !peerHasLeft, !hasLeft else { throw WireError(.closed, "the session is ending", at: "yamux") }
        guard outboundCount < limits.outboundStreams else {
            throw WireError(.limit, "\(outboundCount) streams are open", at: "yamux")
        }
        guard unacknowledgedCount < limits.unacknowledgedStreams else {
            throw WireError(.limit, "the peer has not acknowledged \(unacknowledgedCount) streams", at: "yamux")
        }
        guard nextStream < .max - 2 else { throw WireError(.limit, "stream numbers are used up", at: "yamux") }
        let stream = nextStream
        nextStream += 2
        outboundCount += 1
        unacknowledgedCount += 1
        streams[stream] = YamuxStreamState(isInbound: false)
        return stream
    }

    /// How much of `wanted` bytes may be sent now, as one frame whose header is given; nil when nothing may. The
    /// window shrinks by it.
    mutating func permit(_ stream: UInt32, wanted: Int, frameLimit: Int = YamuxSession.frameLimit) -> YamuxHeader? {
        guard let state = streams[stream], !state.sentEnd else { return nil }
        let count = min(wanted, state.sendWindow, frameLimit)
        guard count > 0 else { return nil }
        streams[stream]?.sendWindow -= count
        return YamuxHeader(.data, takeFlags(stream), stream: stream, length: UInt32(count))
    }

    /// Bytes that the stream's window allows now.
    func sendWindow(_ stream: UInt32) -> Int { streams[stream]?.sendWindow ?? 0 }

    /// Ends this side of the stream; the caller has sent everything before.
    mutating func finish(_ stream: UInt32) {
        guard let state = streams[stream], !state.sentEnd else { return }
        YamuxHeader(.data, takeFlags(stream).union(.fin), stream: stream, length: 0).write(into: &control)
        streams[stream]?.sentEnd = true
        if state.receivedEnd { remove(stream) }
    }

    /// Breaks the stream off; it is gone for this side.
    mutating func reset(_ stream: UInt32) {
        guard let state = streams[stream] else { return }
        // A stream that the peer has not heard of needs no words.
        if !state.pendingFlags.contains(.syn) {
            YamuxHeader(.windowUpdate, .rst, stream: stream, length: 0).write(into: &control)
        }
        remove(stream)
    }

    /// The reader took bytes: opens the window again when half of it is used, and wider when it was used up within
    /// four round trips, as far as the limits go (the rule of go-yamux).
    mutating func consumed(_ stream: UInt32, _ count: Int, now: NIODeadline) {
        guard var state = streams[stream] else { return }
        state.unread = max(0, state.unread - count)
        defer { if streams[stream] != nil { streams[stream] = state } }
        guard !state.receivedEnd else { return }
        func delta() -> Int { state.windowTarget - state.receiveWindow - state.unread }
        guard delta() >= state.windowTarget / 2 else { return }
        if mayWiden, let roundTrip, let updated = state.updated, (now - updated).nanoseconds < 4 * roundTrip.nanoseconds
        {
            let wider = min(state.windowTarget * 2, limits.streamWindow)
            let extra = wider - state.windowTarget
            if extra > 0, extraWindow + extra <= limits.connectionWindow {
                extraWindow += extra
                state.windowTarget = wider
            }
        }
        let opened = delta()
        state.updated = now
        state.receiveWindow += opened
        let flags = state.pendingFlags
        state.pendingFlags = []
        YamuxHeader(.windowUpdate, flags, stream: stream, length: UInt32(clamping: opened)).write(into: &control)
    }

    /// Tells the peer that its stream is accepted, if no frame has said so.
    mutating func acknowledge(_ stream: UInt32) {
        guard let state = streams[stream], !state.pendingFlags.isEmpty else { return }
        YamuxHeader(.windowUpdate, takeFlags(stream), stream: stream, length: 0).write(into: &control)
    }

    mutating func ping(_ value: UInt32) {
        YamuxHeader(.ping, .syn, stream: 0, length: value).write(into: &control)
    }

    /// Opens and accepts no more streams.
    mutating func leave(_ reason: YamuxGoAway) {
        guard !hasLeft else { return }
        hasLeft = true
        YamuxHeader(.goAway, [], stream: 0, length: reason.rawValue).write(into: &control)
    }

    mutating func remove(_ stream: UInt32) {
        guard let state = streams.removeValue(forKey: stream) else { return }
        extraWindow -= state.windowTarget - YamuxSession.initialWindow
        if state.isInbound {
            inboundCount -= 1
        } else {
            outboundCount -= 1
            if !state.isAcknowledged { unacknowledgedCount -= 1 }
        }
    }

    private mutating func takeFlags(_ stream: UInt32) -> YamuxHeader.Flags {
        guard let flags = streams[stream]?.pendingFlags else { return [] }
        streams[stream]?.pendingFlags = []
        return flags
    }
}
