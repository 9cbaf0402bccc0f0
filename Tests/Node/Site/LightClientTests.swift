import Federation
import Ledger
import LedgerSupport
import Primitives
import Synchronization
import Testing
import TestSupport
import Tokens

@testable import Node

/// A client, the node that it asks, and the real chain of four blocks behind that node.
private struct Scene {
    let folder: TemporaryFolder
    let node: TestNode
    let liar: LyingNode
    let client: LightClient
    /// The account that changes with each block, and one that the chain does not know.
    let path = Account.path(LedgerHarness.account(1))
    let unknown = Account.path(LedgerHarness.account(77))
    /// The answer of each height, from 1 on.
    var answers: [ProvenValue] = []

    init(blocks: UInt64 = 4, objectLimitBytes: Int = 1 << 16) async throws {
        folder = try TemporaryFolder()
        node = try await TestNode(in: folder.root)
        liar = LyingNode(node.runtime)
        client = LightClient(
            service: liar, genesis: node.genesis, account: LedgerHarness.account(1), pollInterval: .milliseconds(1),
            objectLimitBytes: objectLimitBytes)
        for sequence in 0..<blocks {
            try await node.block(sequence: sequence)
            answers.append(try await node.runtime.state(at: path))
        }
    }

    func header(_ answer: ProvenValue) throws -> Header { try Header.decode(answer.anchor.header) }

    /// What the client says to an answer.
    func refusal(of answer: ProvenValue, at path: [UInt8]? = nil) async throws -> LightClientError {
        liar.lie { $0.state = { _, _ in answer } }
        defer { liar.tellTheTruth() }
        do {
            let value = try await client.value(at: path ?? self.path)
            throw Believed(value: value)
        } catch let error as LightClientError {
            return error
        }
    }

    /// The client still knows the truth and nothing else.
    func expectUnharmed() async throws {
        let truth = try await node.runtime.state(at: path)
        #expect(try await client.value(at: path) == truth.value)
        #expect(try await client.head().height == truth.anchor.height)
    }

    struct Believed: Error { let value: [UInt8]? }
}

extension LightClientError {
    fileprivate var kind: String { String("\(self)".prefix { $0 != " " }) }

    fileprivate var isAboutCertificate: Bool { if case .certificate = self { true } else { false } }

    fileprivate var isAboutProof: Bool { if case .proof = self { true } else { false } }
}

extension Header {
    fileprivate func changed(
        height: UInt64? = nil, stateRoot: Digest? = nil, validators: Digest? = nil, chain: CID? = nil
    ) -> Header {
        Header(
            chain: chain ?? self.chain, height: height ?? self.height, parent: parent,
            timeMilliseconds: timeMilliseconds, proposer: proposer, beaconProof: beaconProof,
            rulesVersion: rulesVersion, engine: engine, validatorSetDigest: validators ?? validatorSetDigest,
            nextValidatorSetDigest: nextValidatorSetDigest, stateRoot: stateRoot ?? self.stateRoot,
            transactionsRoot: transactionsRoot, receiptsRoot: receiptsRoot, historyRoot: historyRoot,
            historySize: historySize)
    }

    /// The header with a certificate by a key, whoever that is.
    fileprivate func certified(by key: SecretKey) -> Node.CertifiedHeader {
        let vote = Vote(chain: chain, height: height, round: 0, step: .commit, headerID: id)
        let certificate = Certificate(
            round: 0, signatures: [SignedBy(key: key.publicKey, signature: key.sign(vote.message))])
        return Node.CertifiedHeader(height: height, header: encoded(), certificate: certificate.encoded())
    }
}

@Suite("A light client believes what is proven and nothing else")
struct LightClientTests {
    @Test("values and absences that are proven are believed, whatever the node says beside the proof")
    func believesTheTruth() async throws {
        let scene = try await Scene()
        try await scene.expectUnharmed()
        #expect(try await scene.client.value(at: scene.unknown) == nil)
        scene.liar.lie {
            $0.state = { _, answer in
                ProvenValue(path: answer.path, value: [6, 6, 6], proof: answer.proof, anchor: answer.anchor)
            }
        }
        let truth = try await scene.node.runtime.state(at: scene.path)
        #expect(try await scene.client.value(at: scene.path) == truth.value)
        #expect(try await scene.client.value(at: scene.unknown) == nil)
    }

    @Test("a header of another chain is refused, even when the same validator made it")
    func otherChain() async throws {
        let scene = try await Scene()
        let folder = try TemporaryFolder()
        let other = try await TestNode(in: folder.root, genesis: TestNode.genesis(name: "other"))
        for sequence in 0..<6 as Range<UInt64> { try await other.block(sequence: sequence) }
        let answer = try await other.runtime.state(at: scene.path)
        let error = try await scene.refusal(of: answer)
        #expect(error == .otherChain(expected: scene.node.genesis.chain, found: other.genesis.chain))
        try await scene.expectUnharmed()
    }

    @Test("a changed byte anywhere in header or certificate is refused")
    func changedCertificate() async throws {
        let scene = try await Scene()
        let answer = try #require(scene.answers.last)
        for place in answer.anchor.header.indices {
            var lie = answer
            lie.anchor.header[place] ^= 1 << UInt8(place % 8)
            _ = try await scene.refusal(of: lie)
        }
        for place in answer.anchor.certificate.indices {
            var lie = answer
            lie.anchor.certificate[place] ^= 1 << UInt8(place % 8)
            let error = try await scene.refusal(of: lie)
            #expect(error.isAboutCertificate, "byte \(place): \(error)")
        }
        try await scene.expectUnharmed()
    }

    @Test("every prefix of header, certificate and proof is refused")
    func truncated() async throws {
        let scene = try await Scene()
        let answer = try #require(scene.answers.last)
        for count in 0..<answer.anchor.header.count {
            var lie = answer
            lie.anchor.header.removeLast(lie.anchor.header.count - count)
            #expect(try await scene.refusal(of: lie).isAboutCertificate)
        }
        for count in 0..<answer.anchor.certificate.count {
            var lie = answer
            lie.anchor.certificate.removeLast(lie.anchor.certificate.count - count)
            #expect(try await scene.refusal(of: lie).isAboutCertificate)
        }
        for count in 0..<answer.proof.count {
            var lie = answer
            lie.proof.removeLast(lie.proof.count - count)
            #expect(try await scene.refusal(of: lie).isAboutProof)
        }
        try await scene.expectUnharmed()
    }

    @Test("an older header is refused once a newer one was seen, and before the first block counts as older")
    func rollback() async throws {
        let scene = try await Scene()
        try await scene.expectUnharmed()
        for (index, old) in scene.answers.dropLast().enumerated() {
            #expect(try await scene.refusal(of: old) == .stale(height: UInt64(index + 1), known: 4))
        }
        var genesis = scene.answers[0]
        genesis.anchor = .genesis
        #expect(try await scene.refusal(of: genesis) == .stale(height: 0, known: 4))
        try await scene.expectUnharmed()
    }

    @Test("a restarted client refuses what is older than what it had seen, and forgets a chain that is gone")
    func restarted() async throws {
        let scene = try await Scene()
        let path = scene.folder.path("head.dagcbor")
        func client(_ chain: CID? = nil) throws -> LightClient {
            LightClient(
                service: scene.liar, genesis: scene.node.genesis, account: LedgerHarness.account(1),
                memory: try HeadMemory(path: path, chain: chain ?? scene.node.genesis.chain))
        }
        let first = try client()
        _ = try await first.value(at: scene.path)
        let old = scene.answers[1]
        scene.liar.lie { $0.state = { _, _ in old } }
        await #expect(throws: LightClientError.stale(height: 2, known: 4)) {
            try await client().value(at: scene.path)
        }
        #expect(try await client().head().height == 4)
        // A site that was given another genesis begins anew.
        #expect(try HeadMemory(path: path, chain: .of(raw: [1])).header == nil)
        try DurableFile.replace(path, with: [1, 2, 3])
        #expect(throws: FileError.self) { try client() }
    }

    @Test("a certificate by keys that are no validators of the genesis is refused")
    func otherValidators() async throws {
        let scene = try await Scene()
        let attacker = LedgerHarness.key(66)
        let header = try scene.header(scene.answers[3]).changed(height: 9)
        var lie = scene.answers[3]
        lie.anchor = header.certified(by: attacker)
        #expect(try await scene.refusal(of: lie).isAboutCertificate)
        // A header that names the attacker's own set, certified by that set.
        let own = header.changed(validators: ValidatorSet(solo: attacker.publicKey).digest)
        lie.anchor = own.certified(by: attacker)
        let error = try await scene.refusal(of: lie)
        #expect("\(error)".contains("wrongValidatorSet"), "\(error)")
        // The right certificate of another header.
        lie.anchor = scene.answers[3].anchor
        lie.anchor.header = header.encoded()
        #expect(try await scene.refusal(of: lie).isAboutCertificate)
        // A certificate without signatures.
        lie.anchor.certificate = Certificate(round: 0, signatures: []).encoded()
        #expect("\(try await scene.refusal(of: lie))".contains("belowThreshold"))
        try await scene.expectUnharmed()
    }

    @Test("two certified headers of one height are refused")
    func equivocation() async throws {
        let scene = try await Scene()
        try await scene.expectUnharmed()
        let header = try scene.header(scene.answers[3])
        let other = header.changed(stateRoot: .blake2b256([1]))
        var lie = scene.answers[3]
        lie.anchor = other.certified(by: TestNode.validator)
        #expect(try await scene.refusal(of: lie) == .conflict(height: 4, known: header.id, found: other.id))
        try await scene.expectUnharmed()
    }

    @Test("a proof under another block's root is refused")
    func proofOfAnotherRoot() async throws {
        let scene = try await Scene()
        var lie = scene.answers[3]
        lie.proof = scene.answers[2].proof
        #expect("\(try await scene.refusal(of: lie))".contains("wrongRoot"))
        try await scene.expectUnharmed()
    }

    @Test("a changed byte anywhere in a proof is refused")
    func changedProof() async throws {
        let scene = try await Scene()
        for path in [scene.path, scene.unknown] {
            let answer = try await scene.node.runtime.state(at: path)
            for place in answer.proof.indices {
                for bit in [UInt8(1), 0x80] {
                    var lie = answer
                    lie.proof[place] ^= bit
                    let error = try await scene.refusal(of: lie, at: path)
                    #expect(error.isAboutProof, "byte \(place): \(error)")
                }
            }
        }
        try await scene.expectUnharmed()
    }

    @Test("an absence is not proven by the absence of something else, nor by a listing")
    func falseAbsence() async throws {
        let scene = try await Scene()
        let absence = try await scene.node.runtime.state(at: scene.unknown)
        #expect("\(try await scene.refusal(of: absence))".contains("another path"))
        // The same end and steps under the right question.
        var items = try #require(try CBORValue.decode(absence.proof).array)
        items[1] = .bytes(scene.path)
        var lie = absence
        lie.proof = CBORValue.array(items).encoded()
        #expect(try await scene.refusal(of: lie).isAboutProof)
        let listing = try await scene.node.runtime.list(prefix: scene.path, after: nil, limit: 10)
        lie.proof = listing.proof
        #expect("\(try await scene.refusal(of: lie))".contains("another path"))
        try await scene.expectUnharmed()
    }

    @Test("before the first block the client knows the genesis by itself")
    func genesis() async throws {
        let scene = try await Scene(blocks: 0)
        let path = Account.path(LedgerHarness.account(3))
        scene.liar.lie {
            $0.state = { path, _ in ProvenValue(path: path, value: [1], proof: [2], anchor: .genesis) }
        }
        let account = try #require(try await scene.client.record(Account.self, at: path))
        #expect(account.balance == Amount(tokens: 1_000))
        #expect(try await scene.client.value(at: scene.unknown) == nil)
        #expect(try await scene.client.head() == (0, scene.node.genesis.timeMilliseconds))
    }

    @Test("an answer that was overtaken by a newer one is no lie")
    func overtaken() async throws {
        let scene = try await Scene()
        let gate = Gate()
        let old = scene.answers[1]
        scene.liar.lie {
            $0.state = { path, answer in
                guard path == scene.path else { return answer }
                await gate.wait()
                return old
            }
        }
        defer { gate.open() }
        async let late = scene.client.value(at: scene.path)
        while scene.liar.count(of: "state") == 0 { await Task.yield() }
        #expect(try await scene.client.value(at: scene.unknown) == nil)
        gate.open()
        #expect(try await late == old.value)
        #expect(try await scene.client.head().height == 4)
        // Asked for after the newer one was seen, the same answer is one.
        #expect(try await scene.refusal(of: old) == .stale(height: 2, known: 4))
    }

    @Test("a node that fails or is slow leaves the client as it was")
    func failingNode() async throws {
        let scene = try await Scene()
        try await scene.expectUnharmed()
        scene.liar.lie { $0.failure = ServiceError(.timeout, "no answer in 30 s") }
        await #expect(throws: ServiceError(.timeout, "")) { try await scene.client.value(at: scene.path) }
        await #expect(throws: ServiceError(.timeout, "")) {
            try await scene.client.jobs(concerning: LedgerHarness.account(1))
        }
        #expect(try await scene.client.head().height == 4)
        scene.liar.tellTheTruth()
        try await scene.expectUnharmed()
    }
}

@Suite("A light client checks objects, receipts and hints")
struct LightClientTransferTests {
    @Test("bytes that are not the object are refused, whether changed, cut short or longer")
    func objects() async throws {
        let scene = try await Scene(blocks: 1)
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let id = CID.of(raw: bytes)
        try scene.node.runtime.objects.put(bytes)
        let lies: [[UInt8]] = [[], Array(bytes.dropLast()), bytes + [0], [bytes[0] ^ 1] + bytes.dropFirst()]
        for lie in lies {
            scene.liar.lie { $0.object = { _, _ in lie } }
            await #expect(throws: LightClientError.object(expected: id)) {
                try await scene.client.object(id)
            }
        }
        scene.liar.tellTheTruth()
        #expect(try await scene.client.object(id) == bytes)
    }

    @Test("an object above the limit is not kept in memory")
    func oversized() async throws {
        let scene = try await Scene(blocks: 1, objectLimitBytes: 4_096)
        let bytes = [UInt8](repeating: 3, count: 5_000)
        let id = CID.of(raw: bytes)
        try await scene.client.store(object: bytes, as: id)
        await #expect(throws: LightClientError.oversized(id, limitBytes: 4_096)) {
            try await scene.client.object(id)
        }
        // Other bytes that are too large are the node's fault, and not the object's.
        scene.liar.lie { $0.object = { _, _ in [UInt8](repeating: 3, count: 1 << 20) } }
        await #expect(throws: LightClientError.object(expected: id)) { try await scene.client.object(id) }
    }

    @Test("an object under the id of other bytes is refused when it is stored")
    func storesOnlyWhatTheIDNames() async throws {
        let scene = try await Scene(blocks: 1)
        await #expect(throws: ServiceError(.digestMismatch, "")) {
            try await scene.client.store(object: [1, 2, 3], as: .of(raw: [1]))
        }
        #expect(try await scene.node.runtime.objectSize(.of(raw: [1])) == nil)
    }

    @Test("a receipt of another transaction is refused")
    func receipts() async throws {
        let scene = try await Scene(blocks: 1)
        let other = try #require(try await scene.node.block(from: 3, sequence: 0))
        let transaction = TestNode.transfer(scene.node.genesis.chain, sequence: 1)
        scene.liar.lie {
            $0.submission = { _ in .pending(id: transaction.id) }
            $0.receipt = { _ in other }
        }
        await #expect(throws: LightClientError.receipt(expected: transaction.id, found: other.id)) {
            try await scene.client.submit(transaction)
        }
        for (sequence, lie) in zip(2..., [SubmissionOutcome.pending(id: other.id), .decided(other)]) {
            let second = TestNode.transfer(scene.node.genesis.chain, sequence: UInt64(sequence))
            scene.liar.lie {
                $0.receipt = nil
                $0.submission = { _ in lie }
            }
            await #expect(throws: LightClientError.receipt(expected: second.id, found: other.id)) {
                try await scene.client.submit(second)
            }
        }
        scene.liar.tellTheTruth()
        #expect(
            try await scene.client.submit(TestNode.transfer(scene.node.genesis.chain, sequence: 4)) == .ok)
    }

    @Test("endless pages of invented jobs end, and fill a bounded memory")
    func endlessPages() async throws {
        let scene = try await Scene(blocks: 1)
        scene.liar.lie {
            $0.events = { query, _ in
                let first = query.after.sequence
                let events = (first + 1...first + 500).map { Self.event($0, "job_submitted", of: $0) }
                return EventPage(events: events, next: EventCursor(sequence: first + 500))
            }
        }
        let jobs = try await scene.client.jobs(concerning: LedgerHarness.account(1))
        #expect(jobs.count == KnownJobs.limit)
        #expect(scene.liar.count(of: "events") == LightClient.pageLimit)
    }

    @Test("a job is forgotten when its reader has seen its end, whatever events say, until it is heard of again")
    func endedJobs() async throws {
        let scene = try await Scene(blocks: 1)
        let (new, ended) = ("round_settled", FederationEvent.jobEnded.rawValue)
        let told = [(0, new), (1, new), (2, new), (0, new), (1, ended), (2, ended), (2, new)] as [(UInt64, String)]
        scene.liar.lie {
            $0.events = { query, _ in
                let events = told.enumerated().map { Self.event(UInt64($0) + 1, $1.1, of: $1.0) }
                let later = events.filter { $0.cursor > query.after }
                return EventPage(events: later, next: later.last?.cursor ?? query.after)
            }
        }
        let account = LedgerHarness.account(1)
        #expect(try await scene.client.jobs(concerning: account) == [Self.job(0), Self.job(1), Self.job(2)])
        await scene.client.forget(Self.job(1))
        #expect(try await scene.client.jobs(concerning: account) == [Self.job(0), Self.job(2)])
        scene.liar.lie { $0.events = { query, _ in EventPage(events: [Self.event(9, new, of: 1)], next: query.after) } }
        #expect(try await scene.client.jobs(concerning: account) == [Self.job(0), Self.job(2), Self.job(1)])
    }

    private static func job(_ number: UInt64) -> Digest { .blake2b256(number.encoded()) }

    private static func event(_ sequence: UInt64, _ kind: String, of number: UInt64) -> EventRecord {
        EventRecord(
            cursor: EventCursor(sequence: sequence), height: 1, module: "federation", kind: kind, path: nil,
            accounts: [], payload: [0x81] + job(number).encoded())
    }

    @Test("what a page says of the next one silences nobody: the cursor is that of the last event that came")
    func falseNext() async throws {
        let scene = try await Scene(blocks: 1)
        scene.liar.lie { $0.events = { _, page in EventPage(events: [], next: EventCursor(sequence: .max)) } }
        #expect(try await scene.client.jobs(concerning: LedgerHarness.account(1)).isEmpty)
        let cursor = Shared(Mutex(EventCursor(sequence: 5)))
        scene.liar.lie {
            $0.events = { query, _ in
                cursor.value.withLock { $0 = query.after }
                return EventPage(events: [], next: query.after)
            }
        }
        _ = try await scene.client.jobs(concerning: LedgerHarness.account(1))
        #expect(cursor.value.withLock { $0 } == .start)
    }

    @Test("jobs whose events are not kept any more come from the state, and reading goes on at the first kept")
    func pruned() async throws {
        let scene = try await Scene(blocks: 1)
        scene.liar.lie {
            $0.eventFailure = { query in
                query.after.sequence < 40 ? ServiceError(.pruned, "gone", firstKeptSequence: 41) : nil
            }
            $0.listing = { listing in
                var told = listing
                told.entries = [.init(path: Array("m/federation/j/".utf8) + Self.job(7).bytes, value: [])]
                return told
            }
            $0.events = { query, _ in
                let events = [Self.event(41, "round_settled", of: 9)].filter { $0.cursor > query.after }
                return EventPage(events: events, next: EventCursor(sequence: 41))
            }
        }
        for _ in 0..<2 {
            #expect(try await scene.client.jobs(concerning: LedgerHarness.account(1)) == [Self.job(7), Self.job(9)])
        }
        #expect(scene.liar.count(of: "list") == 1)
    }

    @Test("a node that says what does not hold is left for the next one, and events are read anew there")
    func turnsAway() async throws {
        let scene = try await Scene(blocks: 2)
        try await scene.expectUnharmed()
        _ = try await scene.client.jobs(concerning: LedgerHarness.account(1))
        #expect(scene.liar.count(of: "turnAway") == 0)
        _ = try await scene.refusal(of: scene.answers[0])
        #expect(scene.liar.count(of: "turnAway") == 1)
        let id = try scene.node.runtime.objects.put([1])
        scene.liar.lie { $0.object = { _, _ in [2] } }
        await #expect(throws: LightClientError.object(expected: id)) { try await scene.client.object(id) }
        #expect(scene.liar.count(of: "turnAway") == 2)
    }

    @Test("a page that does not move the cursor, goes back, or holds garbage ends the reading")
    func stuckPages() async throws {
        let scene = try await Scene(blocks: 1)
        let garbage = EventRecord(
            cursor: .start, height: 1, module: "federation", kind: "job_submitted", path: nil, accounts: [],
            payload: [0x82, 0x58])
        scene.liar.lie { $0.events = { _, _ in EventPage(events: [garbage], next: .start) } }
        #expect(try await scene.client.jobs(concerning: LedgerHarness.account(1)).isEmpty)
        #expect(scene.liar.count(of: "events") == 1)
    }
}
