import Logging
import NIOCore
import NIOPosix

extension PeerService {
    // MARK: Dialling

    /// Whom not to dial: this node itself, and who is banned.
    func blockade() -> @Sendable (AddressBook.Key) -> Bool {
        let own = host.peer
        return { [gate] key in key.peer == own || gate.isBanned(key.peer) }
    }

    func dial(_ effects: [DialScheduler.Effect]) {
        for effect in effects {
            switch effect {
            case .close(let peer): cut(peer, "other peers are of more use")
            case .dial(let dial):
                Task { [weak self, host] in
                    let address = dial.key.address
                    do throws(WireError) {
                        try await host.connect(to: dial.key.peer, at: [address])
                        await self?.dialled(dial.key, nil)
                    } catch {
                        await self?.dialled(dial.key, error)
                    }
                }
            }
        }
    }

    private func dialled(_ key: AddressBook.Key, _ error: WireError?) {
        let now = clock.wallTime
        if let error {
            logger.debug("\(key.peer.short) at \(key.address): \(error)")
            return scheduler.dialFailed(key, book: &book, now: now)
        }
        passing[key.peer] = nil
        dial(scheduler.dialSucceeded(key, book: &book, now: now))
    }

    /// Notes where a peer is said to be. At an address that is new it is dialled without waiting: that it could not be
    /// reached elsewhere says nothing about this one.
    func learn(_ peer: PeerID, _ address: Multiaddr, source: AddressSource, teller: HostAddress?) {
        guard peer != host.peer else { return }
        if book.add(peer, address, source: source, teller: teller, now: clock.wallTime) == .added {
            scheduler.learntAddress(of: peer)
        }
    }

    /// Connects to a peer now, for a person who asks for it.
    public func connect(to address: Multiaddr) async throws(WireError) -> PeerID {
        let peer = try await host.connect(to: address)
        learn(peer, address, source: .identify, teller: nil)
        return peer
    }

    /// Closes connections that a search needed and nobody else does.
    func closePassing(_ now: Duration) {
        let kept = Set(scheduler.outboundPeers)
        for (peer, since) in passing where now - since > configuration.passingConnection {
            passing[peer] = nil
            if !kept.contains(peer), !inbound.contains(peer) { cut(peer, "the search is over") }
        }
    }

    /// What failed under another address of this machine may work now.
    func lookAtOwnAddresses(_ now: Duration) {
        guard now >= nextAddressLook else { return }
        nextAddressLook = now + configuration.addressInterval
        let devices = (try? System.enumerateDevices()) ?? []
        let hosts = Set(devices.compactMap { $0.address?.ipAddress })
        defer { ownHosts = hosts }
        guard !ownHosts.isEmpty, hosts != ownHosts else { return }
        logger.info("this machine's addresses have changed: peers are dialled anew")
        scheduler.networkChanged()
        multicast?.addressesChanged(host.addresses)
    }

    // MARK: Kademlia

    /// Searches the network: for a peer, for the peers nearest to a key, or for who has an object.
    /// - Returns: nil when as many searches run as may run, or the service stops.
    public func search(for goal: KademliaLookup.Goal) async -> KademliaLookup.Outcome? {
        guard let search = kademlia.search(for: goal, now: clock.now) else { return nil }
        return await withCheckedContinuation { continuation in
            searches[search.lookup] = continuation
            perform(search.effects)
        }
    }

    /// Says in the network that this node has an object, now and as often as needed.
    public func provide(_ key: [UInt8]) {
        if let effects = kademlia.provide(key, now: clock.now) { perform(effects) }
    }

    public func stopProviding(_ key: [UInt8]) { kademlia.stopProviding(key) }

    func perform(_ effects: [KademliaNode.Effect]) {
        for effect in effects {
            switch effect {
            case .ask(let request, let contact, let message, let timeout):
                ask(request, contact, message, timeout)
            case .tell(let contact, let message):
                Task { [weak self] in _ = try? await self?.converse(contact, message, .seconds(10), wantsAnswer: false)
                }
            case .finished(let lookup, let outcome): searches.removeValue(forKey: lookup)?.resume(returning: outcome)
            case .learned(let contacts, let teller):
                let host = address(of: teller)
                for contact in contacts where contact.id != self.host.peer {
                    for address in contact.addresses {
                        learn(contact.id, address, source: .kademlia, teller: host)
                    }
                }
            }
        }
    }

    private func ask(_ request: UInt64, _ contact: KademliaContact, _ message: KademliaMessage, _ timeout: Duration) {
        Task { [weak self] in
            let start = ContinuousClock.now
            do throws(WireError) {
                let answer = try await self?.converse(contact, message, timeout, wantsAnswer: true)
                await self?.answered(request, contact.id, answer, ContinuousClock.now - start)
            } catch {
                await self?.answered(request, contact.id, nil, .zero)
            }
        }
    }

    private func answered(_ request: UInt64, _ peer: PeerID, _ bytes: [UInt8]?, _ roundTrip: Duration) {
        let now = clock.now
        guard let bytes else { return perform(kademlia.failed(request, now: now)) }
        do {
            let answer = try KademliaMessage(bytes)
            perform(
                kademlia.answered(request, answer, host: address(of: peer), roundTrip: roundTrip, now: now))
        } catch {
            report(.wrongAnswer, by: peer, "a search: \(error)")
            perform(kademlia.failed(request, now: now))
        }
    }

    /// One message to a peer, which is connected to if need be, and its answer.
    private func converse(
        _ contact: KademliaContact, _ message: KademliaMessage, _ timeout: Duration, wantsAnswer: Bool
    ) async throws(WireError) -> [UInt8]? {
        if !host.isConnected(to: contact.id) {
            let addresses = contact.addresses + book.addresses(of: contact.id).map(\.key.address)
            try await host.connect(to: contact.id, at: Array(addresses.prefix(4)))
            passing[contact.id] = clock.now
        }
        let stream = try await host.openStream(to: contact.id, protocols: [configuration.kademliaProtocol])
        let deadline = stream.reset(after: timeout)
        defer { deadline.cancel() }
        try await stream.writeMessage(message.bytes)
        stream.closeWrite()
        guard wantsAnswer else {
            stream.close()
            return nil
        }
        let answer = try await stream.readMessage(limit: KademliaMessage.Limits.bytes)
        stream.close()
        return answer
    }

    func serveKademlia(_ stream: PeerStream) async {
        let deadline = stream.reset(after: .seconds(60))
        defer { deadline.cancel() }
        do throws(WireError) {
            while let request = try await stream.readMessage(limit: KademliaMessage.Limits.bytes) {
                guard let answer = respond(to: request, from: stream.peer) else { continue }
                try await stream.writeMessage(answer)
            }
            stream.close()
        } catch {
            stream.reset(error.reason)
        }
    }

    private func respond(to request: [UInt8], from peer: PeerID) -> [UInt8]? {
        do throws(KademliaRefusal) {
            return try kademlia.respond(to: request, from: peer, now: clock.now)?.bytes
        } catch {
            let offence: Misconduct = error == .tooMany ? .tooManyRequests : .protocolViolation
            report(offence, by: peer, "a search: \(error)")
            return nil
        }
    }

    // MARK: Peers by word of mouth

    func servePeers(_ stream: PeerStream) async {
        let deadline = stream.reset(after: .seconds(20))
        defer { deadline.cancel() }
        do throws(WireError) {
            guard let request = try await stream.readMessage(limit: 1_024) else { return stream.close() }
            let answer: PeerExchangeMessage
            do throws(PeerExchange.Refusal) {
                answer = try exchange.respond(to: request, from: stream.peer, book: book, now: clock.wallTime)
            } catch {
                report(error == .tooMany ? .tooManyRequests : .protocolViolation, by: stream.peer, "peers: \(error)")
                return stream.reset("refused")
            }
            try await stream.writeMessage(answer.bytes)
            stream.close()
        } catch {
            stream.reset(error.reason)
        }
    }

    func askForPeers() {
        let now = clock.wallTime
        for peer in scheduler.outboundPeers
        where host.identity(of: peer)?.protocols.contains(configuration.peersProtocol) == true {
            guard let request = exchange.ask(peer, now: now) else { continue }
            Task { [weak self, host, configuration] in
                do throws(WireError) {
                    let stream = try await host.openStream(to: peer, protocols: [configuration.peersProtocol])
                    let deadline = stream.reset(after: .seconds(20))
                    defer { deadline.cancel() }
                    try await stream.writeMessage(request.bytes)
                    stream.closeWrite()
                    let answer = try await stream.readMessage(limit: PeerExchangeMessage.Limits.bytes) ?? []
                    await self?.tookPeers(answer, from: peer)
                    stream.close()
                } catch {
                    await self?.exchangeFailed(peer)
                }
            }
        }
    }

    private func exchangeFailed(_ peer: PeerID) { exchange.failed(peer) }

    private func tookPeers(_ answer: [UInt8], from peer: PeerID) {
        do throws(PeerExchange.Refusal) {
            _ = try exchange.take(
                answer, from: peer, host: address(of: peer), owner: host.peer, book: &book, now: clock.wallTime)
        } catch {
            report(.wrongAnswer, by: peer, "peers: \(error)")
        }
    }

    // MARK: The local network

    /// Looks for peers by multicast, where that is asked for and possible. Where it is not, the log says why.
    func startMulticast() async {
        guard configuration.usesMulticastDNS else { return }
        do {
            let discovery = try MulticastDiscovery(
                owner: host.peer, addresses: host.addresses, configuration: configuration.multicastDNS)
            let driver = try await MulticastDriver.start(
                discovery, on: MulticastDriver.devices(includesLoopback: configuration.multicastOnLoopback),
                eventLoop: host.group.next())
            multicast = driver
            Task { [weak self] in for await event in driver.events { await self?.found(event) } }
        } catch {
            logger.warning("peers of the local network are not found by multicast: \(error)")
        }
    }

    private func found(_ event: MulticastDriver.Event) {
        guard case .found(let contact) = event, contact.id != host.peer else { return }
        for address in contact.addresses {
            learn(contact.id, address, source: .multicastDNS, teller: nil)
        }
        dial(scheduler.tick(book: &book, now: clock.wallTime, isBlocked: blockade()))
    }
}
