import Ledger
import LedgerSupport
import PeerNetwork
import Primitives
import Synchronization
import TestSupport
import Testing

@testable import Node

/// Peers that speak for validators, or say so, to a node that is one of four.
@Suite("Node: validators that lie on the wire", .serialized, .timeLimit(.minutes(2)))
struct ConsensusLaneTests {
    private static let configuration = """
        [ledger]
        durability = "normal"
        [network]
        listen = ["/ip4/127.0.0.1/tcp/0"]
        """

    /// An engine that keeps what it is told by others.
    private struct Listener: ConsensusEngine {
        final class Heard: Sendable {
            let messages = Mutex<[(sender: PublicKey, payload: [UInt8])]>([])
        }

        let id = "one-validator"
        let heard: Heard

        mutating func step(_ event: ConsensusEvent) -> [ConsensusEffect] {
            if case .message(let sender, _, _, let payload) = event.kind {
                heard.messages.withLock { $0.append((sender, payload)) }
            }
            return []
        }
        func snapshot() -> [UInt8] { [] }
    }

    /// The node, and a peer of its own that says what a test wants.
    private struct Meeting {
        let folder: TemporaryFolder
        let node: TestNode
        let heard = Listener.Heard()
        let peer = PeerHost(key: .generate(), logger: TestNode.quiet)
        let nodePeer: PeerID
        var chain: CID { node.genesis.chain }

        init() async throws {
            folder = try TemporaryFolder()
            let simple = try TestNode.genesis()
            let keys = (UInt64(0)..<4).map { ValidatorSet.Validator(key: LedgerHarness.key($0).publicKey) }
            let genesis = Genesis(
                name: "four", timeMilliseconds: simple.timeMilliseconds, engine: simple.engine,
                validators: try #require(ValidatorSet(byzantine: keys)), sections: simple.sections)
            let heard = heard
            node = try await TestNode(
                in: folder.path("node"), genesis: genesis, configuration: ConsensusLaneTests.configuration,
                engine: { _ in Listener(heard: heard) }, outbox: ConsensusOutbox())
            let address = try #require(try await node.runtime.networkStatus().addresses.first)
            nodePeer = try await peer.connect(to: try Multiaddr(text: address))
        }

        func close() async {
            await peer.shutdown()
            await node.stop()
        }

        func open() async throws -> PeerStream {
            try await peer.openStream(
                to: nodePeer, protocols: [ChainProtocol(chain: chain).consensus], lazily: false)
        }

        func hello(_ number: UInt64, from: PeerID? = nil, to: PeerID? = nil, chain: CID? = nil) -> [UInt8] {
            ConsensusHello(
                signedBy: LedgerHarness.key(number), chain: chain ?? self.chain, from: from ?? peer.peer,
                to: to ?? nodePeer
            ).encoded()
        }

        /// A stream on which the node has taken the hello of a validator.
        func speaking(for number: UInt64) async throws -> PeerStream {
            let stream = try await open()
            try await stream.writeMessage(hello(number))
            let answer = try #require(try await stream.readMessage(limit: ConsensusHello.byteLimit))
            let hello = try ConsensusHello.decode(answer)
            #expect(hello.key == TestNode.validator.publicKey)
            #expect(hello.isSigned(chain: chain, from: nodePeer, to: peer.peer))
            return stream
        }

        func vote(_ number: UInt64, signedBy other: UInt64? = nil, chain: CID? = nil) -> CastVote {
            let vote = Vote(chain: chain ?? self.chain, height: 1, round: 0, step: .prepare, headerID: .zero)
            let signature = LedgerHarness.key(other ?? number).sign(vote.message)
            return CastVote(vote: vote, by: SignedBy(key: LedgerHarness.key(number).publicKey, signature: signature))
        }

        func message(_ votes: [CastVote], _ payload: [UInt8] = [7]) -> [UInt8] {
            ConsensusMessage(attachment: nil, votes: votes, payload: payload).encoded()
        }

        /// Whether the node ends the stream.
        func isEnded(_ stream: PeerStream) async -> Bool {
            do { return try await stream.readMessage(limit: 1 << 16) == nil } catch { return true }
        }

        func isBlamed() async throws -> Bool {
            let offences = try await node.runtime.networkStatus().peers.first { $0.id == "\(peer.peer)" }?.offences
            return offences?.contains { $0.word == "protocol violation" } == true
        }

        func waitUntilBlamed() async throws -> Bool {
            for _ in 0..<100 where try await !isBlamed() { try await Task.sleep(for: .milliseconds(20)) }
            return try await isBlamed()
        }

        func waitForMessages(_ count: Int) async throws {
            for _ in 0..<100 where heard.messages.withLock({ $0.count }) < count {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test("a validator's messages reach the engine under its key; votes of strangers among them do not")
    func honest() async throws {
        let meeting = try await Meeting()
        let stream = try await meeting.speaking(for: 1)
        try await stream.writeMessage(meeting.message([meeting.vote(1), meeting.vote(2)], [1]))
        // A set that this node does not know yet, or no more: no offence, and nothing for the engine.
        try await stream.writeMessage(meeting.message([meeting.vote(9)], [2]))
        try await stream.writeMessage(meeting.message([meeting.vote(3)], [3]))
        try await meeting.waitForMessages(2)
        let messages = meeting.heard.messages.withLock { $0 }
        #expect(messages.map(\.payload) == [[1], [3]])
        #expect(messages.allSatisfy { $0.sender == LedgerHarness.key(1).publicKey })
        #expect(try await !meeting.isBlamed())
        await meeting.close()
    }

    @Test(
        "what is not signed, of another chain or no message ends the stream, and is held against the validator",
        arguments: ["garbage", "forged", "foreign"])
    func lies(kind: String) async throws {
        let meeting = try await Meeting()
        let stream = try await meeting.speaking(for: 1)
        let bytes: [UInt8] =
            switch kind {
            case "garbage": [0xff, 0x01, 0x02]
            case "forged": meeting.message([meeting.vote(1), meeting.vote(2, signedBy: 1)])
            default: meeting.message([meeting.vote(1, chain: CID.of(raw: [1]))])
            }
        try await stream.writeMessage(bytes)
        #expect(await meeting.isEnded(stream))
        #expect(try await meeting.waitUntilBlamed())
        #expect(meeting.heard.messages.withLock { $0.isEmpty })
        await meeting.close()
    }

    @Test(
        "a hello that was signed for another peer, another listener or another chain is held against whoever brings it")
    func stolenHellos() async throws {
        let elsewhere = PeerHost(key: .generate(), logger: TestNode.quiet)
        for kind in 0..<3 {
            let meeting = try await Meeting()
            let stream = try await meeting.open()
            let hello =
                switch kind {
                case 0: meeting.hello(1, from: elsewhere.peer)
                case 1: meeting.hello(1, to: elsewhere.peer)
                default: meeting.hello(1, chain: CID.of(raw: [1]))
                }
            try await stream.writeMessage(hello)
            #expect(await meeting.isEnded(stream), "kind \(kind)")
            #expect(try await meeting.waitUntilBlamed(), "kind \(kind)")
            await meeting.close()
        }
        await elsewhere.shutdown()
    }

    @Test(
        "whoever is no validator, or says that it is this very node, is turned away, and not blamed", arguments: [9, 0])
    func strangers(number: UInt64) async throws {
        let meeting = try await Meeting()
        let stream = try await meeting.open()
        try await stream.writeMessage(meeting.hello(number))
        #expect(await meeting.isEnded(stream))
        try await Task.sleep(for: .milliseconds(100))
        #expect(try await !meeting.isBlamed())
        await meeting.close()
    }
}
