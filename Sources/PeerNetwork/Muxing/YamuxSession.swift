import NIOCore

/// A session of Yamux without sockets: bytes of the peer in, events out; commands in, bytes for the peer out.
///
/// Memory is bounded by the windows: a peer may send a stream what the stream's window allows and no more, and a window
/// opens when the reader has taken bytes. So a slow reader holds back its own stream alone. Frames that go out
/// without data gather in `control`; data does not pass through here, only its headers and its permission do.
/// One owner at a time.
package struct YamuxSession: Sendable {
    package enum Event: Sendable {
        /// The peer opened a stream.
        case opened(UInt32)
        case data(UInt32, ByteBuffer)
        /// The peer will send no more on this stream.
        case ended(UInt32)
        /// The peer broke the stream off; it is gone.
        case reset(UInt32)
        /// The stream may send again.
        case writable(UInt32)
        /// The answer to a ping of ours, with its value.
        case pong(UInt32)
        /// The peer opens and accepts no more streams, for a reason of `YamuxGoAway` or another one.
        case goAway(UInt32)
    }

    package enum Role: Sendable { case client, server }

    /// What both sides allow a new stream to send, in bytes.
    static let initialWindow = 256 * 1024

    let role: Role
    let limits: YamuxLimits
    /// Frames for the peer, in order.
    var control = ByteBuffer()
    /// The time that a byte takes to the peer and back; windows grow only once it is known.
    var roundTrip: TimeAmount?
    /// Windows stay as they are while memory is short.
    var mayWiden = true

    var streams: [UInt32: YamuxStreamState] = [:]
    var inboundCount = 0
    var outboundCount = 0
    var unacknowledgedCount = 0
    /// What windows allow beyond the first 256 KiB of each stream, in bytes.
    var extraWindow = 0
    var nextStream: UInt32
    var hasLeft = false
    var peerHasLeft = false

    /// The data frame that is being read.
    private var current: (stream: UInt32, remaining: Int, ends: Bool)?
    /// A part of a header.
    private var carry = ByteBuffer()

    package init(_ role: Role, limits: YamuxLimits = YamuxLimits()) {
        self.role = role
        self.limits = limits
        nextStream = role == .client ? 1 : 2
    }

    /// The next event, or nil when the input is used up. An error ends the session: `fail` says so to the peer.
    package mutating func next(_ input: inout ByteBuffer) throws(WireError) -> Event? {
        while true {
            if current != nil {
                if let event = dataEvent(&input) { return event }
                if current != nil { return nil }
                continue
            }
            guard let header = try header(&input) else { return nil }
            if let event = try handle(header) { return event }
        }
    }

    // MARK: Reading

    private mutating func header(_ input: inout ByteBuffer) throws(WireError) -> YamuxHeader? {
        if carry.readableBytes == 0, let header = try YamuxHeader(reading: &input) { return header }
        let missing = min(YamuxHeader.byteCount - carry.readableBytes, input.readableBytes)
        if var part = input.readSlice(length: missing) { carry.writeBuffer(&part) }
        guard let header = try YamuxHeader(reading: &carry) else { return nil }
        carry.clear()
        return header
    }

    /// A piece of the current frame, or its end. Nil with `current` set: more bytes are needed.
    private mutating func dataEvent(_ input: inout ByteBuffer) -> Event? {
        guard let frame = current else { return nil }
        if frame.remaining == 0 {
            current = nil
            return frame.ends ? end(frame.stream) : nil
        }
        let count = min(frame.remaining, input.readableBytes)
        guard count > 0, let part = input.readSlice(length: count) else { return nil }
        current?.remaining -= count
        // A stream that is gone: what is still under way is dropped.
        guard streams[frame.stream] != nil else { return dataEvent(&input) }
        streams[frame.stream]?.unread += count
        return .data(frame.stream, part)
    }

    /// Opens the stream if the frame asks for that, and then does what its kind says.
    private mutating func handle(_ header: YamuxHeader) throws(WireError) -> Event? {
        switch header.kind {
        case .ping: return try ping(header)
        case .goAway:
            guard header.stream == 0 else { throw malformed("GO_AWAY on stream \(header.stream)") }
            peerHasLeft = true
            return .goAway(header.length)
        case .data, .windowUpdate:
            guard header.stream != 0 else { throw malformed("a frame on stream 0") }
            let isNew = header.flags.contains(.syn) ? try open(header) : false
            acknowledge(header)
            if header.flags.contains(.rst) { return reset(header, isNew: isNew) }
            let event =
                header.kind == .data ? try startData(header) : try updateWindow(header)
            // Both can happen in one frame, but a new stream has nothing to write yet.
            return isNew ? .opened(header.stream) : event
        }
    }

    private mutating func ping(_ header: YamuxHeader) throws(WireError) -> Event? {
        guard header.stream == 0 else { throw malformed("PING on stream \(header.stream)") }
        if header.flags.contains(.ack) { return .pong(header.length) }
        YamuxHeader(.ping, .ack, stream: 0, length: header.length).write(into: &control)
        return nil
    }

    /// Whether the stream was accepted. Without room for it the peer gets a reset.
    private mutating func open(_ header: YamuxHeader) throws(WireError) -> Bool {
        let isOurs = (header.stream % 2 == 1) == (role == .client)
        guard !isOurs else { throw malformed("the peer opens stream \(header.stream), which is ours to open") }
        guard streams[header.stream] == nil else { throw malformed("stream \(header.stream) is open already") }
        guard inboundCount < limits.inboundStreams, !hasLeft else {
            YamuxHeader(.windowUpdate, .rst, stream: header.stream, length: 0).write(into: &control)
            return false
        }
        inboundCount += 1
        streams[header.stream] = YamuxStreamState(isInbound: true)
        return true
    }

    private mutating func acknowledge(_ header: YamuxHeader) {
        guard header.flags.contains(.ack), let stream = streams[header.stream], !stream.isInbound,
            !stream.isAcknowledged
        else { return }
        streams[header.stream]?.isAcknowledged = true
        unacknowledgedCount -= 1
    }

    private mutating func reset(_ header: YamuxHeader, isNew: Bool) -> Event? {
        // Data may come with the reset; it is dropped like all data of streams that are gone.
        if header.kind == .data { current = (header.stream, Int(header.length), false) }
        guard streams[header.stream] != nil else { return nil }
        remove(header.stream)
        return isNew ? nil : .reset(header.stream)
    }

    private mutating func startData(_ header: YamuxHeader) throws(WireError) -> Event? {
        let length = Int(header.length)
        current = (header.stream, length, header.flags.contains(.fin))
        guard let stream = streams[header.stream] else {
            // What was under way when a stream ended fits its window; anything more is a peer that ignores windows.
            guard length <= limits.streamWindow else { throw malformed("\(length) bytes on no open stream") }
            return nil
        }
        guard !stream.receivedEnd else { throw malformed("data after the end of stream \(header.stream)") }
        guard length <= stream.receiveWindow else {
            throw WireError(
                .flowControl, "\(length) bytes, but the window allows \(stream.receiveWindow)",
                at: "yamux stream \(header.stream)")
        }
        streams[header.stream]?.receiveWindow -= length
        return nil
    }

    private mutating func updateWindow(_ header: YamuxHeader) throws(WireError) -> Event? {
        guard let stream = streams[header.stream] else { return nil }
        let window = stream.sendWindow + Int(header.length)
        guard window <= Int(UInt32.max) else {
            throw WireError(.flowControl, "a window of \(window) bytes", at: "yamux stream \(header.stream)")
        }
        streams[header.stream]?.sendWindow = window
        // The end follows as an event of its own.
        if header.flags.contains(.fin) { current = (header.stream, 0, true) }
        return header.length > 0 ? .writable(header.stream) : nil
    }

    private mutating func end(_ stream: UInt32) -> Event? {
        guard let state = streams[stream], !state.receivedEnd else { return nil }
        streams[stream]?.receivedEnd = true
        if state.sentEnd { remove(stream) }
        return .ended(stream)
    }

    private func malformed(_ reason: String) -> WireError { WireError(.malformed, reason, at: "yamux") }
}
