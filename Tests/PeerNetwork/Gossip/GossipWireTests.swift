import Glibc
import PeerNetwork
import Primitives
import TestSupport
import Testing

@Suite("Gossip on the wire")
struct GossipWireTests {
    /// Written by hand after the protobuf encoding page and the specification's rpc.proto.
    @Test("an RPC is the bytes that the schema says")
    func vector() throws {
        var rpc = GossipRPC()
        rpc.subscriptions = [.init(topic: "t", isSubscribed: true)]
        rpc.messages = [
            GossipMessage(topic: "t", data: [1, 2], author: [9], sequence: [0, 7], signature: [5], key: [6])
        ]
        rpc.haves = [.init(topic: "t", ids: [GossipMessageID([0xaa])])]
        rpc.wants = [GossipMessageID([0xbb])]
        rpc.grafts = ["t"]
        rpc.prunes = [.init(topic: "t", candidates: [.init(peer: [3], record: [4])], backoffSeconds: 60)]
        rpc.unwanted = [GossipMessageID([0xcc])]
        let expected =
            "0a0508011201" + "74" + "1214" + "0a0109" + "12020102" + "1a020007" + "220174" + "2a0105" + "320106"
            + "1a26" + "0a06" + "0a0174" + "1201aa" + "1203" + "0a01bb" + "1a03" + "0a0174" + "220d" + "0a0174"
            + "1206" + "0a0103" + "120104" + "183c" + "2a03" + "0a01cc"
        #expect(Hex.encode(rpc.encoded()) == expected)
        #expect(try GossipRPC(try Hex.decode(expected)) == rpc)
        #expect(rpc.encodedByteCount == expected.count / 2)
    }

    @Test("ids by content and by author are what they are said to be")
    func ids() {
        let message = GossipMessage(topic: "ab", data: [1, 2, 3], author: [7, 8], sequence: [0, 1])
        let digest = Digest.blake2b256([2] + Array("ab".utf8) + [1, 2, 3])
        #expect(GossipIdentification.content.id(of: message).bytes == Array(digest.bytes.prefix(20)))
        #expect(GossipIdentification.author.id(of: message).bytes == [7, 8, 0, 1])
        let moved = GossipMessage(topic: "a", data: Array("b".utf8) + [1, 2, 3])
        #expect(GossipIdentification.content.id(of: moved) != GossipIdentification.content.id(of: message))
    }

    private static func limits(_ change: (inout GossipLimits) -> Void) -> GossipLimits {
        var limits = GossipLimits()
        change(&limits)
        return limits
    }

    @Test("every limit refuses what is above it, and takes what is at it")
    func limits() throws {
        var rpc = GossipRPC()
        rpc.subscriptions = [.init(topic: "aa", isSubscribed: false), .init(topic: "b", isSubscribed: true)]
        rpc.messages = [
            GossipMessage(topic: "b", data: [1, 2, 3], author: [1, 2, 3, 4], signature: [1, 2], key: [1]),
            GossipMessage(topic: "b", data: []),
        ]
        rpc.haves = [.init(topic: "b", ids: [GossipMessageID([1])]), .init(topic: "b", ids: [])]
        rpc.wants = [GossipMessageID([2])]
        rpc.grafts = ["a", "b"]
        rpc.prunes = [
            .init(topic: "a", candidates: [.init(peer: [1], record: [1, 2, 3])]),
            .init(topic: "b", candidates: [.init(peer: [1], record: nil)]),
        ]
        rpc.unwanted = [GossipMessageID([3])]
        let bytes = rpc.encoded()
        let exact = GossipWireTests.limits {
            $0.rpcByteCount = bytes.count
            $0.dataByteCount = 3
            $0.topicByteCount = 2
            $0.idByteCount = 4
            $0.keyByteCount = 2
            $0.recordByteCount = 3
            $0.subscriptionCount = 2
            $0.messageCount = 2
            $0.controlCount = 2
            $0.idCount = 3
            $0.candidateCount = 2
        }
        #expect(try GossipRPC(bytes, limits: exact) == rpc)
        let fields: [WritableKeyPath<GossipLimits, Int>] = [
            \.rpcByteCount, \.dataByteCount, \.topicByteCount, \.idByteCount, \.keyByteCount, \.recordByteCount,
            \.subscriptionCount, \.messageCount, \.controlCount, \.idCount, \.candidateCount,
        ]
        for field in fields {
            var below = exact
            below[keyPath: field] -= 1
            let error = #expect(throws: FormatError.self, "\(field)") { try GossipRPC(bytes, limits: below) }
            #expect(error?.code == .tooLong, "\(field)")
        }
    }

    @Test(
        "what lacks a topic, or has one that is no text, is refused",
        arguments: [
            "0a020801", "12021200", "1a040a021200", "1a021a00", "1a022200", "0a0212ff", "0a031201ff", "1a0322010a",
        ])
    func refuses(hex: String) throws {
        let bytes = try Hex.decode(hex)
        #expect(throws: FormatError.self) { try GossipRPC(bytes) }
    }

    @Test("fields of later versions are skipped")
    func unknownFields() throws {
        var writer = ProtobufWriter()
        writer.message(3) { $0.message(6) { $0.varint(10, 1) } }
        writer.message(10) { $0.text(1, "partial") }
        #expect(try GossipRPC(writer.bytes) == GossipRPC())
    }

    @Test("random RPCs are read as they were written, and are as long as was said")
    func roundTrip() throws {
        for seed in 1...UInt64(300) {
            var random = GossipRandom(seed: seed)
            let rpc = GossipSamples.rpc(&random)
            let bytes = rpc.encoded()
            #expect(rpc.encodedByteCount == bytes.count, "seed \(seed)")
            #expect(try GossipRPC(bytes) == rpc, "seed \(seed)")
        }
    }

    @Test("a split RPC loses nothing, keeps its order, and no part is above the limit")
    func split() throws {
        for seed in 1...UInt64(200) {
            var random = GossipRandom(seed: seed)
            let rpc = GossipSamples.rpc(&random)
            let limit = Int.random(in: 40...600, using: &random)
            let (parts, tooLong) = rpc.split(atMost: limit)
            #expect(parts.allSatisfy { $0.encodedByteCount <= limit && !$0.isEmpty || rpc.isEmpty }, "seed \(seed)")
            #expect(tooLong.allSatisfy { $0.encodedByteCount > limit }, "seed \(seed)")
            var whole = GossipRPC()
            for part in parts { whole.merge(part) }
            let lost = tooLong.reduce(into: GossipRPC()) { $0.merge($1) }
            #expect(whole.wants.count + lost.wants.count == rpc.wants.count, "seed \(seed)")
            #expect(whole.messages.count + lost.messages.count == rpc.messages.count, "seed \(seed)")
            #expect(whole.prunes.count + lost.prunes.count == rpc.prunes.count, "seed \(seed)")
            let ids = rpc.haves.flatMap { $0.ids }
            #expect((whole.haves + lost.haves).reduce(0) { $0 + $1.ids.count } == ids.count, "seed \(seed)")
            if lost.isEmpty {
                #expect(whole.messages == rpc.messages && whole.wants == rpc.wants, "seed \(seed)")
                #expect(whole.haves.flatMap { $0.ids } == ids && whole.unwanted == rpc.unwanted, "seed \(seed)")
            }
        }
    }

    @Test("mutated RPCs are read or refused, within the limits, and a router survives them")
    func mutations() throws {
        let limits = GossipWireTests.limits {
            $0.idCount = 60
            $0.messageCount = 10
        }
        var read = 0
        var refused = 0
        for seed in 1...UInt64(4_000) {
            var random = GossipRandom(seed: seed)
            var bytes = GossipSamples.rpc(&random).encoded()
            GossipSamples.mutate(&bytes, &random)
            do {
                let rpc = try GossipRPC(bytes, limits: limits)
                read += 1
                let ids = rpc.haves.reduce(rpc.wants.count + rpc.unwanted.count) { $0 + $1.ids.count }
                #expect(ids <= 60 && rpc.messages.count <= 10, "seed \(seed)")
                var router = try GossipRouter(peer: GossipNetwork.id(0), random: GossipRandom(seed: seed))
                for topic in ["a", "b"] { _ = try router.subscribe(to: topic, now: .zero) }
                _ = router.handle(
                    .connected(GossipPeerInfo(peer: GossipNetwork.id(1), direction: .inbound)), now: .zero)
                _ = router.handle(.received(from: GossipNetwork.id(1), bytes), now: .seconds(1))
                _ = router.handle(.heartbeat, now: .seconds(2))
            } catch {
                refused += 1
            }
        }
        #expect(read > 400 && refused > 400, "\(read) read, \(refused) refused")
    }

    static let python = getenv("VINCULUM_PEERS_PYTHON").map { String(cString: $0) }

    private static let hasPeer: Bool = {
        guard let python else { return false }
        return (try? Command(python, ["-c", "import libp2p.pubsub.pb.rpc_pb2"]).run().status) == 0
    }()

    /// Reads RPCs in hexadecimal, and writes what protobuf makes of them, and how it writes them again.
    static let script = """
        import sys
        from libp2p.pubsub.pb import rpc_pb2
        for line in open(sys.argv[1]):
            rpc = rpc_pb2.RPC()
            rpc.ParseFromString(bytes.fromhex(line.strip()))
            counts = [len(rpc.subscriptions), len(rpc.publish), len(rpc.control.ihave), len(rpc.control.graft),
                      len(rpc.control.prune), sum(len(w.messageIDs) for w in rpc.control.iwant),
                      sum(len(w.messageIDs) for w in rpc.control.idontwant)]
            print(rpc.SerializeToString(deterministic=True).hex(), *counts)
        """

    @Test(
        "the protobuf classes of PyPI's libp2p read and write the same bytes",
        .enabled(if: hasPeer, "VINCULUM_PEERS_PYTHON names no interpreter with libp2p"))
    func agreesWithPython() throws {
        let python = try #require(GossipWireTests.python)
        var random = GossipRandom(seed: 99)
        let samples = (0..<300).map { _ in GossipSamples.rpc(&random) }
        let folder = try TemporaryFolder()
        let input = samples.map { Hex.encode($0.encoded()) }.joined(separator: "\n")
        let result = try Command(python, ["-c", GossipWireTests.script, try folder.write("rpcs", input)]).run()
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        try #require(lines.count == samples.count)
        for (rpc, line) in zip(samples, lines) {
            let counts = [
                rpc.subscriptions.count, rpc.messages.count, rpc.haves.count, rpc.grafts.count, rpc.prunes.count,
                rpc.wants.count, rpc.unwanted.count,
            ]
            #expect(line == "\(Hex.encode(rpc.encoded())) \(counts.map(String.init).joined(separator: " "))")
        }
    }
}

/// Random RPCs, and damage to their bytes.
enum GossipSamples {
    static func bytes(_ random: inout GossipRandom, _ count: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: count, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private static func many<Value>(
        _ random: inout GossipRandom, _ limit: Int, _ make: (inout GossipRandom) -> Value
    ) -> [Value] {
        (0..<Int.random(in: 0...limit, using: &random)).map { _ in make(&random) }
    }

    private static func topic(_ random: inout GossipRandom) -> String {
        ["a", "b", "blocks", "Bund ü", String(repeating: "x", count: 130)][Int.random(in: 0..<5, using: &random)]
    }

    private static func id(_ random: inout GossipRandom) -> GossipMessageID { GossipMessageID(bytes(&random, 0...40)) }

    static func rpc(_ random: inout GossipRandom) -> GossipRPC {
        var rpc = GossipRPC()
        rpc.subscriptions = many(&random, 3) { .init(topic: topic(&$0), isSubscribed: Bool.random(using: &$0)) }
        rpc.messages = many(&random, 3) { random in
            func maybe(_ count: ClosedRange<Int>) -> [UInt8]? {
                Bool.random(using: &random) ? bytes(&random, count) : nil
            }
            return GossipMessage(
                topic: topic(&random), data: bytes(&random, 0...200), author: maybe(0...40), sequence: maybe(0...8),
                signature: maybe(0...64), key: maybe(0...40))
        }
        rpc.haves = many(&random, 2) { .init(topic: topic(&$0), ids: many(&$0, 20, id)) }
        rpc.wants = many(&random, 20, id)
        rpc.grafts = many(&random, 3, topic)
        rpc.prunes = many(&random, 3) { random in
            .init(
                topic: topic(&random),
                candidates: many(&random, 3) {
                    .init(peer: bytes(&$0, 0...38), record: Bool.random(using: &$0) ? bytes(&$0, 0...150) : nil)
                },
                backoffSeconds: Bool.random(using: &random) ? random.next() >> UInt64(random.next() % 64) : nil)
        }
        rpc.unwanted = many(&random, 5, id)
        return rpc
    }

    static func mutate(_ bytes: inout [UInt8], _ random: inout GossipRandom) {
        for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            default: bytes.append(contentsOf: bytes[place...].prefix(30))
            }
        }
    }
}
