import Logging
import NIOCore
import Primitives
import Synchronization

/// The message of identify (libp2p specifications, "identify").
enum IdentifyMessage {
    static let protocolID = "/ipfs/id/1.0.0"
    static let pushProtocolID = "/ipfs/id/push/1.0.0"

    /// The longest message that is read, in bytes.
    static let byteLimit = 16 * 1024
    static let addressLimit = 64
    static let protocolLimit = 512
    static let textLimit = 256

    struct Fields: Sendable {
        var publicKey: [UInt8]?
        var protocolVersion: String?
        var agentVersion: String?
        var addresses: [Multiaddr] = []
        var protocols: [String] = []
        var observed: Multiaddr?
        var signedRecord: [UInt8]?
    }

    static func encode(_ fields: Fields) -> [UInt8] {
        var writer = ProtobufWriter()
        if let key = fields.publicKey { writer.bytes(1, key) }
        for address in fields.addresses { writer.bytes(2, address.bytes) }
        for name in fields.protocols { writer.text(3, name) }
        if let observed = fields.observed { writer.bytes(4, observed.bytes) }
        if let version = fields.protocolVersion { writer.text(5, version) }
        if let agent = fields.agentVersion { writer.text(6, agent) }
        if let record = fields.signedRecord { writer.bytes(8, record) }
        return writer.bytes
    }

    /// Reads a message. Addresses that nobody here can use are left out; what exceeds a count is an error.
    static func decode(_ bytes: [UInt8]) throws(FormatError) -> Fields {
        var reader = ProtobufReader(bytes)
        var fields = Fields()
        var addresses = 0
        while let field = try reader.next() {
            switch field.number {
            case 1: fields.publicKey = try field.bytes(atMost: 2048)
            case 2:
                addresses += 1
                try check(addresses, addressLimit, "addresses")
                if let address = try? Multiaddr(bytes: try field.bytes()) { fields.addresses.append(address) }
            case 3:
                try check(fields.protocols.count + 1, protocolLimit, "protocols")
                fields.protocols.append(try field.text(atMost: textLimit))
            case 4: fields.observed = try? Multiaddr(bytes: try field.bytes())
            case 5: fields.protocolVersion = try field.text(atMost: textLimit)
            case 6: fields.agentVersion = try field.text(atMost: textLimit)
            case 8: fields.signedRecord = try field.bytes(atMost: SignedPeerRecord.byteLimit)
            default: break
            }
        }
        return fields
    }

    private static func check(_ count: Int, _ limit: Int, _ what: String) throws(FormatError) {
        guard count <= limit else { throw FormatError(.tooLong, "more than \(limit) \(what)", at: "identify") }
    }
}

extension PeerHost {
    /// The protocols that every host speaks.
    func handleBuiltIn() {
        let identify: StreamHandler = { [weak self] stream in await self?.answerIdentify(stream) }
        let push: StreamHandler = { [weak self] stream in await self?.receivePush(stream) }
        let ping: StreamHandler = { stream in await PeerHost.answerPings(stream) }
        state.withLock { state in
            state.handlers[IdentifyMessage.protocolID] = HostState.Handler(streamsPerPeer: 4, body: identify)
            state.handlers[IdentifyMessage.pushProtocolID] = HostState.Handler(streamsPerPeer: 2, body: push)
            state.handlers[PeerHost.pingProtocolID] = HostState.Handler(
                streamsPerPeer: PeerHost.pingStreamsPerPeer, body: ping)
        }
    }

    /// What this host says of itself to a peer at an address.
    private func ownIdentity(to remote: Multiaddr) -> [UInt8] {
        let record = ownRecord()
        return IdentifyMessage.encode(
            IdentifyMessage.Fields(
                publicKey: LibP2PKey(publicKey).bytes, protocolVersion: configuration.protocolVersion,
                agentVersion: configuration.agentVersion, addresses: record.addresses, protocols: protocolIDs(),
                observed: remote, signedRecord: record.envelope))
    }

    /// This host's own word on where it listens; signed anew when that has changed.
    public func ownRecord() -> SignedPeerRecord {
        let addresses = Array(addresses.prefix(SignedPeerRecord.addressLimit))
        let last = state.withLock { $0.record }
        if let last, last.addresses == addresses { return last }
        let record = SignedPeerRecord(
            key, sequence: max(HostState.nanosecondsSince1970(), (last?.sequence ?? 0) &+ 1), addresses: addresses)
        state.withLock { state in
            // Another thread may have signed a newer one meanwhile.
            if state.record?.sequence ?? 0 < record.sequence { state.record = record }
        }
        return record
    }

    private func answerIdentify(_ stream: PeerStream) async {
        let deadline = stream.reset(after: configuration.negotiationTimeout)
        defer { deadline.cancel() }
        // A peer that is gone needs no answer.
        try? await stream.writeMessage(ownIdentity(to: stream.remote))
    }

    /// Asks a new connection's peer who it is.
    func identify(_ connection: Connection) async {
        do throws(WireError) {
            let stream = try await connection.open([IdentifyMessage.protocolID], lazily: true)
            let deadline = stream.reset(after: configuration.negotiationTimeout)
            defer { deadline.cancel() }
            stream.closeWrite()
            let message = try await stream.readMessage(limit: IdentifyMessage.byteLimit)
            stream.close()
            if let message { try learn(message, from: connection.peer, isPartial: false) }
        } catch {
            logger.debug("no identity", metadata: ["peer": "\(connection.peer)", "reason": "\(error)"])
        }
    }

    private func receivePush(_ stream: PeerStream) async {
        let deadline = stream.reset(after: configuration.negotiationTimeout)
        defer { deadline.cancel() }
        do throws(WireError) {
            guard let message = try await stream.readMessage(limit: IdentifyMessage.byteLimit) else { return }
            try learn(message, from: stream.peer, isPartial: true)
        } catch {
            stream.reset(error.reason)
            logger.debug("no identity", metadata: ["peer": "\(stream.peer)", "reason": "\(error)"])
        }
    }

    /// Keeps what a connected peer said. What a push leaves out stays as it was.
    private func learn(_ message: [UInt8], from peer: PeerID, isPartial: Bool) throws(WireError) {
        let fields: IdentifyMessage.Fields
        do { fields = try IdentifyMessage.decode(message) } catch {
            throw WireError(.malformed, error.reason, at: error.place)
        }
        if let key = fields.publicKey, let identity = try? LibP2PKey(key).ed25519, PeerID(identity) != peer {
            throw WireError(.wrongPeer, "the key in the message is another peer's", at: "identify")
        }
        let record = checkedRecord(fields, of: peer)
        let known = state.withLock { state -> PeerIdentity? in
            guard state.connections[peer] != nil else { return nil }
            let old = isPartial ? state.identities[peer] : nil
            let addresses = record?.addresses ?? fields.addresses
            let new = PeerIdentity(
                peer: peer, protocolVersion: fields.protocolVersion ?? old?.protocolVersion ?? "",
                agentVersion: fields.agentVersion ?? old?.agentVersion ?? "",
                addresses: addresses.isEmpty ? old?.addresses ?? [] : addresses,
                protocols: fields.protocols.isEmpty ? old?.protocols ?? [] : fields.protocols,
                observed: fields.observed ?? old?.observed, signedRecord: record ?? old?.signedRecord)
            state.identities[peer] = new
            return new
        }
        if let known { emit(.identified(peer, known)) }
    }

    /// The peer's signed record, if there is one that holds and is its own.
    private func checkedRecord(_ fields: IdentifyMessage.Fields, of peer: PeerID) -> SignedPeerRecord? {
        guard let envelope = fields.signedRecord else { return nil }
        do throws(WireError) {
            let record = try SignedPeerRecord(envelope: envelope)
            if record.peer == peer { return record }
            logger.debug("no record", metadata: ["peer": "\(peer)", "reason": "it is \(record.peer)'s"])
        } catch {
            logger.debug("no record", metadata: ["peer": "\(peer)", "reason": "\(error)"])
        }
        return nil
    }

    /// Tells all connected peers what this host is now.
    func pushIdentity() {
        let connections = state.withLock { $0.connections.values.compactMap(\.first) }
        for connection in connections {
            Task {
                do throws(WireError) {
                    let stream = try await connection.open([IdentifyMessage.pushProtocolID], lazily: true)
                    let deadline = stream.reset(after: configuration.negotiationTimeout)
                    defer { deadline.cancel() }
                    try await stream.writeMessage(ownIdentity(to: connection.remote))
                    stream.close()
                } catch {
                    logger.debug("no push", metadata: ["peer": "\(connection.peer)", "reason": "\(error)"])
                }
            }
        }
    }
}
