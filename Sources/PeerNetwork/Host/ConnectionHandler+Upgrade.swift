import NIOCore

/// The steps from a socket to a session.
extension ConnectionHandler {
    /// Goes on with the handshake, as far as the bytes reach.
    func upgrade(_ bytes: inout ByteBuffer) throws(WireError) {
        try keep(&bytes)
        if case .choosingSecurity(let negotiation) = phase {
            var output = ByteBuffer()
            let (next, isAgreed) = try negotiate(
                negotiation, &input, &output, supported: ConnectionHandler.securityProtocol)
            phase = .choosingSecurity(next)
            send(output)
            if isAgreed { startNoise() }
        }
        if case .handshaking(var upgrade) = phase {
            var output = ByteBuffer()
            let outcome = try upgrade.receive(&input, into: &output)
            phase = .handshaking(upgrade)
            send(output)
            if case .done(let session) = outcome { try secured(session) }
        }
        if case .choosingMuxer = phase { try chooseMuxer() }
        if case .open = phase, input.readableBytes > 0 {
            var rest = input
            input = ByteBuffer()
            try receive(&rest)
        }
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    /// One step of multistream-select for a single protocol.
    private func negotiate(
        _ negotiation: Negotiation, _ input: inout ByteBuffer, _ output: inout ByteBuffer, supported: String
    ) throws(WireError) -> (Negotiation, isAgreed: Bool) {
        switch negotiation {
        case .dialer(var dialer):
            let agreed = try dialer.receive(&input, into: &output)
            return (.dialer(dialer), agreed != nil)
        case .listener(var listener):
            let agreed = try listener.receive(
                &input, into: &output, supported: { $0 == supported }, list: { [supported] })
            return (.listener(listener), agreed != nil)
        }
    }

    private func startNoise() {
        startDeadline("the Noise handshake")
        // The dialer's has begun with the proposal.
        phase = .handshaking(earlyNoise ?? NoiseUpgrade(.responder, identity: identity, expected: expected))
        earlyNoise = nil
    }

    /// Both sides have proven who they are. If both offered the multiplexer in the handshake, it is chosen already.
    private func secured(_ noise: NoiseUpgrade.Session) throws(WireError) {
        guard let context else { return }
        sealer = noise.sealer
        opener = noise.opener
        let connection = Connection(
            peer: noise.peer, remote: remote, isInbound: isInbound, channel: context.channel, handler: self)
        candidate = connection
        if noise.muxers.contains(ConnectionHandler.muxerProtocol) {
            try openSession()
            return
        }
        startDeadline("the choice of the multiplexer")
        let negotiation = ConnectionHandler.negotiation(isInbound, ConnectionHandler.muxerProtocol)
        phase = .choosingMuxer(negotiation)
        if case .dialer(let dialer) = negotiation {
            var output = ByteBuffer()
            dialer.start(into: &output)
            try sendSealed(output)
        }
    }

    private func chooseMuxer() throws(WireError) {
        while case .choosingMuxer(let negotiation) = phase, let part = try opener?.next(&input) {
            var part = part
            guard plain.readableBytes + part.readableBytes <= NoiseHandshake.messageLimit * 2 else {
                throw WireError(.tooLong, "more bytes than the choice of a multiplexer has", at: "handshake")
            }
            plain.writeBuffer(&part)
            var output = ByteBuffer()
            let (next, isAgreed) = try negotiate(
                negotiation, &plain, &output, supported: ConnectionHandler.muxerProtocol)
            phase = .choosingMuxer(next)
            try sendSealed(output)
            if isAgreed { try openSession() }
        }
    }

    private func sendSealed(_ bytes: ByteBuffer) throws(WireError) {
        try sealer?.append(bytes)
        if let sealed = try sealer?.take() { send(sealed) }
    }

    private func openSession() throws(WireError) {
        guard let connection = candidate else { return }
        candidate = nil
        endDeadline()
        try owner.admit(connection)
        self.connection = connection
        phase = .open
        opened?.succeed(connection)
        ping(now: connection.channel.eventLoop.now)
        if plain.readableBytes > 0 {
            var rest = plain
            plain = ByteBuffer()
            try receivePlain(&rest)
        }
        pump()
    }
}
