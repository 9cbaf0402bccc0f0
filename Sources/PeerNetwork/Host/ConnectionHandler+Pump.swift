import NIOCore
import Synchronization

/// What goes out, and what happens with time.
extension ConnectionHandler {
    /// Bytes that are packed and encrypted before they go to the socket together: what a core's cache holds beside the
    /// bytes that they are made of.
    private static let batch = 128 * 1024
    /// Batches whose memory is kept for the next ones: one fills while the socket takes another.
    private static let spareBatchLimit = 2
    /// A frame of data that would be smaller than this starts a frame of Noise of its own.
    private static let smallestFrame = 4 * 1024
    /// Bytes of answers that may wait for a peer that does not read.
    private static let controlLimit = 256 * 1024

    /// Sends what there is, as long as the socket takes it. Streams take turns, a frame each.
    func pump() {
        guard case .open = phase, let context, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        do throws(WireError) {
            while context.channel.isWritable {
                let bytes = try nextBatch()
                guard bytes.readableBytes > 0 else { break }
                connection?.traffic.send(bytes.readableBytes)
                context.write(wrapOutboundOut(bytes), promise: recycling(bytes, context))
                needsFlush = true
                // At once: the system copies what is still in the processor's cache.
                if bytes.readableBytes >= ConnectionHandler.batch { flush() }
            }
        } catch {
            reason = reason ?? error
            context.close(promise: nil)
        }
        flush()
        if session.control.readableBytes > ConnectionHandler.controlLimit {
            fail(WireError(.limit, "the peer asks for answers and does not read them", at: "connection"))
        }
    }

    /// Keeps a batch's memory once the socket has taken its bytes; small ones are not worth it.
    private func recycling(_ batch: ByteBuffer, _ context: ChannelHandlerContext) -> EventLoopPromise<Void>? {
        guard batch.storageCapacity > ConnectionHandler.batch / 2 else { return nil }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [weak self] in
            guard let self, self.spareBatches.count < ConnectionHandler.spareBatchLimit else { return }
            self.spareBatches.append(batch)
        }
        return promise
    }

    /// Encrypted bytes for the socket; none when there is nothing to say.
    private func nextBatch() throws(WireError) -> ByteBuffer {
        guard var sealer else { return ByteBuffer() }
        // One owner at a time, or the bytes would be copied.
        self.sealer = nil
        defer { self.sealer = sealer }
        var isReserved = false
        while true {
            if session.control.readableBytes > 0 {
                try sealer.append(session.control)
                session.control.clear()
            }
            guard sealer.byteCount < ConnectionHandler.batch, let number = ready.popFirst() ?? readyBulk.popFirst()
            else { break }
            slots[number]?.isReady = false
            guard let slot = slots[number] else { continue }
            let waiting = slot.stream?.buffers.withLock { $0.outboxBytes } ?? 0
            if !isReserved, waiting > ConnectionHandler.smallestFrame {
                isReserved = true
                if let spare = spareBatches.popLast() { sealer.reuse(spare) }
                sealer.reserve(min(waiting, ConnectionHandler.batch) + NoiseSealer.frameCapacity)
            }
            try sendFrame(number, slot, waiting, &sealer)
        }
        return try sealer.take()
    }

    /// One frame of a stream, or its end when everything is sent.
    private func sendFrame(
        _ number: UInt32, _ slot: Slot, _ waiting: Int, _ sealer: inout NoiseSealer
    ) throws(WireError) {
        let wanted = slot.output.readableBytes + waiting
        if wanted > 0 {
            let room = sealer.room - YamuxHeader.byteCount
            let limit = room >= min(wanted, ConnectionHandler.smallestFrame) ? room : YamuxSession.frameLimit
            guard let header = session.permit(number, wanted: wanted, frameLimit: limit) else { return }
            try append(header, slot, number, &sealer)
            if Int(header.length) < wanted {
                makeReady(number)
                return
            }
        }
        guard slot.wantsEnd else { return }
        session.finish(number)
        if session.streams[number] == nil { slots[number] = nil }
    }

    private func append(
        _ header: YamuxHeader, _ slot: Slot, _ number: UInt32, _ sealer: inout NoiseSealer
    ) throws(WireError) {
        var head = ByteBuffer()
        header.write(into: &head)
        let proposal = min(slot.output.readableBytes, Int(header.length))
        if proposal > 0, var part = slots[number]?.output.readSlice(length: proposal) { head.writeBuffer(&part) }
        try sealer.append(head)
        let count = Int(header.length) - proposal
        guard count > 0, let stream = slot.stream else { return }
        var failure: WireError?
        stream.takeOutput(count) { part in
            guard failure == nil else { return }
            do throws(WireError) { try sealer.append(part) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    // MARK: Time

    func ping(now: NIODeadline) {
        pulse.pinged = now
        pulse.pingValue &+= 1
        session.ping(pulse.pingValue)
    }

    func ponged(_ value: UInt32) {
        guard value == pulse.pingValue, let pinged = pulse.pinged, let now = context?.eventLoop.now else { return }
        pulse.pinged = nil
        session.roundTrip = now - pinged
        if let connection { owner.measured(.nanoseconds((now - pinged).nanoseconds), of: connection) }
    }

    /// Ends what has taken too long: negotiations, streams that this side is done with, peers that do not read or are
    /// gone.
    func sweep(now: NIODeadline) {
        guard case .open = phase else { return }
        let negotiation = TimeAmount(configuration.negotiationTimeout)
        let linger = TimeAmount(configuration.lingerTimeout)
        for (number, slot) in slots {
            if slot.negotiation != nil, now - slot.begun > negotiation {
                // A proposal that was never sent waits for the stream's owner, not for the peer.
                if slot.output.readableBytes > 0, slot.stream != nil { continue }
                resetSlot(number, WireError(.timeout, "the choice of the protocol took too long", at: "multistream"))
            } else if let released = slot.released, now - released > linger {
                resetSlot(number, WireError(.timeout, "the peer did not end its side", at: "stream \(number)"))
            }
        }
        if let blocked = pulse.blocked, now - blocked > TimeAmount(configuration.stallTimeout) {
            reason = WireError(.stalled, "the peer reads nothing", at: "connection")
            phase = .closed
            context?.close(promise: nil)
            return
        }
        beat(now: now)
        // A connection that is quiet keeps no memory for batches.
        if session.control.readableBytes == 0, ready.isEmpty, readyBulk.isEmpty { spareBatches = [] }
        account()
        pump()
    }

    private func beat(now: NIODeadline) {
        if let pinged = pulse.pinged {
            // An answer may stand behind much data: as long as something comes, the peer is there.
            if now - max(pinged, pulse.lastReceived) > TimeAmount(configuration.keepAliveTimeout) {
                fail(WireError(.timeout, "the peer does not answer", at: "connection"))
            }
        } else if now - pulse.lastReceived > TimeAmount(configuration.keepAliveInterval) {
            ping(now: now)
        }
    }
}
