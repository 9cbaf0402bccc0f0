import NIOCore
import Synchronization

/// The session's events, and what streams ask for.
extension ConnectionHandler {
    /// Bytes from the socket.
    func receive(_ bytes: inout ByteBuffer) throws(WireError) {
        while var part = try opener?.next(&bytes) { try receivePlain(&part) }
    }

    func receivePlain(_ bytes: inout ByteBuffer) throws(WireError) {
        while let event = try session.next(&bytes) { try handle(event) }
    }

    private func handle(_ event: YamuxSession.Event) throws(WireError) {
        switch event {
        case .data(let number, let bytes): try received(bytes, on: number)
        case .opened(let number): accepted(number)
        case .writable(let number): makeReady(number)
        case .ended(let number): ended(number)
        case .reset(let number):
            endSlot(number, WireError(.reset, "the peer broke the stream off", at: "stream \(number)"))
        case .pong(let value): ponged(value)
        // The peer closes when it has said what it had to say; streams that are open may go on.
        case .goAway: break
        }
    }

    private func accepted(_ number: UInt32) {
        // Handlers of streams that the peer broke off may still run: they count, or a peer could start any number.
        // So does a peer that makes this node hold much already.
        guard runningHandlers < configuration.streams.inboundStreams, !isTight, let now = context?.eventLoop.now else {
            session.reset(number)
            return
        }
        slots[number] = Slot(negotiation: .listener(MultistreamListener()), begun: now)
    }

    private func received(_ bytes: ByteBuffer, on number: UInt32) throws(WireError) {
        guard var slot = slots[number] else { return }
        if slot.negotiation == nil {
            deliver(bytes, to: slot, number)
            return
        }
        let before = slot.input.readableBytes
        slot.input.writeImmutableBuffer(bytes)
        do throws(WireError) {
            try negotiate(&slot, number)
        } catch {
            session.reset(number)
            endSlot(number, error)
            return
        }
        // What the negotiation has read is used; the rest goes with the stream, or waits for the end of its message.
        let used = before + bytes.readableBytes - slot.input.readableBytes
        if let now = context?.eventLoop.now { session.consumed(number, used, now: now) }
        let rest = slot.input
        if slot.negotiation == nil { slot.input = ByteBuffer() }
        let isReady = slot.output.readableBytes > 0
        slots[number] = slot
        if isReady { makeReady(number) }
        if slot.negotiation == nil, rest.readableBytes > 0 { deliver(rest, to: slot, number) }
    }

    private func deliver(_ bytes: ByteBuffer, to slot: Slot, _ number: UInt32) {
        // This side reads nothing more. What still comes is dropped and opens no window, so that it soon ends; a peer
        // that does not end its side has the stream broken off by `sweep`.
        guard slot.released == nil else { return }
        if let stream = slot.stream, stream.deliver(bytes), heard.last !== stream { heard.append(stream) }
    }

    /// Wakes those who wait for what came, when all of it is there.
    func wakeReaders() {
        guard !heard.isEmpty else { return }
        for stream in heard { stream.wakeReader() }
        heard.removeAll(keepingCapacity: true)
    }

    /// Goes on with the choice of a stream's protocol.
    private func negotiate(_ slot: inout Slot, _ number: UInt32) throws(WireError) {
        switch slot.negotiation {
        case .dialer(var dialer):
            let agreed = try dialer.receive(&slot.input, into: &slot.output)
            slot.negotiation = agreed == nil ? .dialer(dialer) : nil
            guard let agreed, slot.stream == nil, let stream = makeStream(number, agreed, isInbound: false) else {
                return
            }
            slot.stream = stream
            slot.opening?(.success(stream))
            slot.opening = nil
        case .listener(var listener):
            let agreed = try listener.receive(
                &slot.input, into: &slot.output, supported: owner.speaks, list: owner.protocolIDs)
            slot.negotiation = agreed == nil ? .listener(listener) : nil
            guard let agreed, let stream = makeStream(number, agreed, isInbound: true) else { return }
            slot.stream = stream
            runningHandlers += 1
            owner.accept(stream)
        case nil: break
        }
    }

    private func makeStream(_ number: UInt32, _ name: String, isInbound: Bool, isUnopened: Bool = false) -> PeerStream?
    {
        guard let connection else { return nil }
        return PeerStream(
            number, protocolID: name, isInbound: isInbound, connection: connection,
            traffic: owner.traffic(of: name), writeBuffer: configuration.writeBuffer, isUnopened: isUnopened,
            isBulk: configuration.bulkProtocols.contains(name))
    }

    private func ended(_ number: UInt32) {
        guard let slot = slots[number] else { return }
        guard slot.negotiation == nil else {
            resetSlot(number, WireError(.closed, "the stream ended before a protocol was chosen", at: "multistream"))
            return
        }
        slot.stream?.deliverEnd()
        forgetIfDone(number)
    }

    /// Drops the handler's part of a stream whose two sides have ended.
    private func forgetIfDone(_ number: UInt32) {
        if session.streams[number] == nil { slots[number] = nil }
    }

    /// Ends a stream that the session has forgotten already.
    func endSlot(_ number: UInt32, _ error: WireError) {
        guard let slot = slots.removeValue(forKey: number) else { return }
        slot.stream?.end(with: error, tellsPeer: false)
        slot.opening?(.failure(error))
    }

    func resetSlot(_ number: UInt32, _ error: WireError) {
        session.reset(number)
        endSlot(number, error)
    }

    // MARK: Requests

    func open(
        _ protocols: [String], lazily: Bool, _ done: @escaping @Sendable (Connection.Opening) -> Void
    ) {
        guard case .open = phase, let now = context?.eventLoop.now, let first = protocols.first else {
            done(.failure(WireError(.closed, "the connection is closed", at: "connection")))
            return
        }
        do throws(WireError) {
            let number = try session.open()
            let dialer = MultistreamDialer(protocols)
            var slot = Slot(negotiation: .dialer(dialer), begun: now)
            dialer.start(into: &slot.output)
            if lazily, protocols.count == 1, let stream = makeStream(number, first, isInbound: false, isUnopened: true)
            {
                slot.stream = stream
                slots[number] = slot
                // The first use of the stream sends the proposal, in one frame with what is written.
                done(.success(stream))
                return
            }
            slot.opening = done
            slots[number] = slot
            makeReady(number)
            pump()
        } catch {
            done(.failure(error))
        }
    }

    func attend(to streams: [PeerStream]) {
        guard case .open = phase, let now = context?.eventLoop.now else { return }
        for stream in streams {
            let number = stream.number
            guard slots[number]?.stream === stream else { continue }
            let requests = stream.buffers.withLock { $0.takeRequests() }
            if requests.resets {
                session.reset(number)
                slots[number] = nil
                continue
            }
            if requests.credit > 0 { session.consumed(number, requests.credit, now: now) }
            slots[number]?.wantsEnd = requests.wantsEnd
            if requests.isReleased, slots[number]?.released == nil { slots[number]?.released = now }
            let hasProposal = (slots[number]?.output.readableBytes ?? 0) > 0
            if requests.hasOutput || requests.wantsEnd || hasProposal { makeReady(number) }
        }
        account()
        pump()
    }

    func makeReady(_ number: UInt32) {
        guard let slot = slots[number], !slot.isReady else { return }
        slots[number]?.isReady = true
        if slot.stream?.isBulk == true { readyBulk.append(number) } else { ready.append(number) }
    }
}
