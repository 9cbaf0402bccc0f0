import NIOCore
import PeerNetwork
import Primitives

extension FuzzGroups {
    /// What peers send, and what is kept of them.
    package static let network = FuzzGroup(
        "network",
        "multistream, Noise and Yamux, protobufs of gossip and routing, DNS messages, addresses, peers' files, snapshots",
        lengthLimit: 4_096,
        words: ["/multistream/1.0.0\n", "/yamux/1.0.0\n", "ls\n", "na\n", "/ip4/", "/p2p/", "/tcp/"],
        targets: [
            multistream, noise, yamux, gossip, kademlia, multicastDNS, peersRequest, peersResponse, addressBook,
            conduct, signedRecord, address, peerID, snapshotRequest, snapshotOffers, snapshotManifest, linkedHeader,
            stateChunk, backupIndex, consensusMessage, consensusHello,
        ])

    private static let key = SecretKey(seed: [UInt8](repeating: 7, count: 32)) ?? .generate()
    private static let peer = PeerID(key.publicKey)

    private static let multistream = FuzzTarget(
        "multistream", seeds: { [framed("/multistream/1.0.0\n") + framed("ls\n") + framed("/noise\n")] },
        run: { bytes throws(FuzzFinding) in
            var (input, output) = (ByteBuffer(bytes: bytes), ByteBuffer())
            var listener = MultistreamListener()
            let agreed = try? listener.receive(
                &input, into: &output, supported: { $0 == "/noise" }, list: { ["/noise"] })
            if let agreed, agreed != "/noise" { throw FuzzFinding("agrees on \(agreed)") }
            guard output.readableBytes <= 64 * 1_024 else { throw FuzzFinding("answers \(output.readableBytes) bytes") }
        })

    private static let noise = FuzzTarget(
        "noise handshake", seeds: { [[0, 32] + [UInt8](repeating: 9, count: 32), [0, 0]] },
        run: { bytes throws(FuzzFinding) in
            let identity = NoiseIdentity(key, muxers: ["/yamux/1.0.0"])
            var upgrade = NoiseUpgrade(.responder, identity: identity)
            var (input, output) = (ByteBuffer(bytes: bytes), ByteBuffer())
            if case .done? = try? upgrade.receive(&input, into: &output) {
                throw FuzzFinding("a handshake that nobody made is complete")
            }
        })

    private static let yamux = FuzzTarget(
        "yamux",
        seeds: {
            [
                [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0],
                [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9], [0, 1, 0, 1, 0, 0, 0, 3, 0, 4, 0, 0],
                [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            ]
        },
        run: { bytes throws(FuzzFinding) in
            var session = YamuxSession(.server)
            var input = ByteBuffer(bytes: bytes)
            var events = 0
            while let event = try? session.next(&input) {
                events += 1
                _ = event
                guard events <= bytes.count + 1 else { throw FuzzFinding("more events than bytes") }
            }
        })

    private static let gossip = FuzzTarget(
        "gossip",
        seeds: {
            var rpc = GossipRPC()
            rpc.subscriptions = [GossipRPC.Subscription(topic: "a", isSubscribed: true)]
            rpc.messages = [GossipMessage(topic: "a", data: [1, 2, 3])]
            rpc.grafts = ["a"]
            return [rpc.encoded(), []]
        },
        run: { bytes throws(FuzzFinding) in
            guard let rpc = try? GossipRPC(bytes, limits: GossipLimits()) else { return }
            let again = rpc.encoded()
            guard let twice = try? GossipRPC(again, limits: GossipLimits()), twice == rpc else {
                throw FuzzFinding("what is decoded does not come back")
            }
            guard again.count == rpc.encodedByteCount else { throw FuzzFinding("its length is not what it says") }
        })

    private static let kademlia = FuzzTarget(
        "kademlia",
        seeds: {
            let contact = KademliaContact(id: peer, addresses: [try Multiaddr(text: "/ip4/192.0.2.1/tcp/4001")])
            return [
                KademliaMessage(.findNode, key: peer.bytes, closer: [KademliaMessage.Peer(contact)]).bytes,
                KademliaMessage(.addProvider, key: [1, 2], providers: [KademliaMessage.Peer(contact)]).bytes,
            ]
        },
        run: { bytes throws(FuzzFinding) in
            guard let message = try? KademliaMessage(bytes) else { return }
            guard message.closer.count <= KademliaMessage.Limits.peers else { throw FuzzFinding("too many peers") }
        })

    private static let multicastDNS = FuzzTarget(
        "multicast DNS",
        seeds: {
            let name = try DNSName("_p2p._udp.local")
            let question = DNSMessage.Question(name, type: DNSMessage.RecordType.pointer)
            return [DNSMessage(isResponse: false, questions: [question]).bytes]
        },
        run: { bytes throws(FuzzFinding) in
            guard let message = try? DNSMessage(bytes) else { return }
            guard (try? DNSMessage(message.bytes)) != nil else { throw FuzzFinding("what it writes it cannot read") }
        })

    private static let peersRequest = FuzzTarget(
        "peers, request", seeds: { [PeerExchangeMessage.request(count: 8).bytes] },
        run: { bytes throws(FuzzFinding) in _ = try? PeerExchangeMessage.readRequest(bytes) })

    private static let peersResponse = FuzzTarget(
        "peers, response",
        seeds: {
            let contact = KademliaContact(id: peer, addresses: [try Multiaddr(text: "/ip4/192.0.2.1/tcp/4001")])
            return [PeerExchangeMessage.response([PeerExchangeMessage.Peer(contact)]).bytes]
        },
        run: { bytes throws(FuzzFinding) in
            guard case .response(let peers)? = try? PeerExchangeMessage.readResponse(bytes) else { return }
            guard peers.count <= PeerExchangeMessage.Limits.peers else { throw FuzzFinding("\(peers.count) peers") }
        })

    private static let addressBook = FuzzTarget(
        "address book",
        seeds: {
            var book = AddressBook(salt: [UInt8](repeating: 3, count: 16))
            _ = book.add(
                peer, try Multiaddr(text: "/ip4/192.0.2.1/tcp/4001"), source: .identify, teller: nil, now: .seconds(9))
            return [book.encoded()]
        },
        run: { bytes throws(FuzzFinding) in
            guard let book = try? AddressBook(decoding: bytes) else { return }
            guard (try? AddressBook(decoding: book.encoded()))?.addressCount == book.addressCount else {
                throw FuzzFinding("what is kept does not come back")
            }
        })

    private static let signedRecord = FuzzTarget(
        "signed peer record",
        seeds: {
            let place = try Multiaddr(text: "/ip4/192.0.2.1/tcp/4001")
            return [SignedPeerRecord(key, sequence: 7, addresses: [place]).envelope]
        },
        run: { bytes throws(FuzzFinding) in
            guard let record = try? SignedPeerRecord(envelope: bytes) else { return }
            // Nobody else has the key.
            guard record.peer == peer else { throw FuzzFinding("a record of \(record.peer) that nobody signed") }
        })

    private static let conduct = FuzzTarget(
        "conduct of peers",
        seeds: {
            var ledger = PeerLedger()
            _ = ledger.record(.invalidBlock, by: peer, host: nil, detail: "a", now: .seconds(9))
            return [ledger.encoded()]
        },
        run: { bytes throws(FuzzFinding) in
            guard let ledger = try? PeerLedger(decoding: bytes) else { return }
            guard (try? PeerLedger(decoding: ledger.encoded())) != nil else {
                throw FuzzFinding("what is kept does not come back")
            }
        })

    private static let address = FuzzTarget(
        "address",
        seeds: {
            let text = "/ip6/2001:db8::1/tcp/4001/p2p/\(peer)"
            return [Array(text.utf8), try Multiaddr(text: text).bytes]
        },
        run: { bytes throws(FuzzFinding) in
            for address in [
                try? Multiaddr(bytes: bytes),
                String(validating: bytes, as: UTF8.self).flatMap { try? Multiaddr(text: $0) },
            ].compactMap(\.self) {
                guard (try? Multiaddr(text: "\(address)")) == address, (try? Multiaddr(bytes: address.bytes)) == address
                else { throw FuzzFinding("\(address) does not come back") }
            }
        })

    private static let peerID = FuzzTarget(
        "peer id", seeds: { [peer.bytes, Array("\(peer)".utf8)] },
        run: { bytes throws(FuzzFinding) in
            for id in [
                try? PeerID(multihash: bytes),
                String(validating: bytes, as: UTF8.self).flatMap { try? PeerID(text: $0) },
            ].compactMap(\.self) {
                guard (try? PeerID(text: "\(id)")) == id else { throw FuzzFinding("\(id) does not come back") }
            }
        })

    private static func framed(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
}
