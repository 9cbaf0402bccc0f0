import Ledger
import Primitives
import Synchronization
import TestSupport
import Testing

@testable import Node

/// A node outlives an engine whose process ends: it starts a new one, and the block that was in hand is made after all.
@Suite struct EngineRevivalTests {
    @Test func theBlockInHandIsMadeByTheNextLife() async throws {
        let folder = try TemporaryFolder()
        let life = Life()
        let node = try await node(in: folder.root, life)
        try await node.block(sequence: 0)
        life.change { $0.diesAtNextProposal = true }
        let receipt = try await node.block(sequence: 1)
        #expect(receipt != nil)
        #expect(life.value.lives == 2 && life.value.states == [[1]])
        try await node.block(sequence: 2)
        await node.stop()
    }

    @Test func aStartThatFailsIsTriedAgain() async throws {
        let folder = try TemporaryFolder()
        let life = Life()
        let node = try await node(in: folder.root, life)
        life.change { $0.diesAtNextProposal = true }
        life.change { $0.failedStarts = 3 }
        #expect(try await node.block(sequence: 0) != nil)
        #expect(life.value.failedStarts == 0 && life.value.lives == 2)
        await node.stop()
    }

    private func node(in folder: String, _ life: Life) async throws -> TestNode {
        var revival = EngineRevival(
            isGone: { life.value.isDead },
            start: { state in
                try life.change { life throws(Refused) in
                    guard life.failedStarts == 0 else {
                        life.failedStarts -= 1
                        throw Refused()
                    }
                    life.isDead = false
                    life.lives += 1
                    life.states.append(state)
                }
            })
        revival.retry = .milliseconds(20)
        return try await TestNode(
            in: folder, engine: { MortalEngine(chain: $0, life: life) }, revival: revival)
    }
}

private struct Refused: Error {}

/// What becomes of a process, as the test wants it.
private final class Life: Sendable {
    struct Value {
        var isDead = false
        var diesAtNextProposal = false
        var lives = 1
        var failedStarts = 0
        /// What each later life was started from.
        var states: [[UInt8]] = []
    }

    private let state = Mutex(Value())

    var value: Value { state.withLock { $0 } }

    func change<Failure>(_ body: (inout Value) throws(Failure) -> Void) throws(Failure) {
        let result: Result<Void, Failure> = state.withLock { value in
            do throws(Failure) { return .success(try body(&value)) } catch { return .failure(error) }
        }
        try result.get()
    }
}

/// An engine whose state goes with its life.
private struct MortalEngine: ConsensusEngine {
    let id = "one-validator"
    let chain: CID
    let life: Life
    private var lives = 1
    private var engine: OneValidator

    init(chain: CID, life: Life) {
        self.chain = chain
        self.life = life
        engine = OneValidator(chain: chain)
    }

    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect] {
        if case .proposalBuilt = event.kind, life.value.diesAtNextProposal {
            life.change {
                $0.isDead = true
                $0.diesAtNextProposal = false
            }
        }
        guard !life.value.isDead else { throw ConsensusFault(code: -1, reason: "the process has ended") }
        if lives != life.value.lives {
            lives = life.value.lives
            engine = OneValidator(chain: chain)
        }
        return try engine.step(event)
    }

    func snapshot() -> [UInt8] { [] }
}
