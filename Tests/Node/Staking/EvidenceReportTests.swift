import Ledger
import LedgerSupport
import Primitives
import Staking
import TestSupport
import Testing
import Tokens

@testable import Node

/// An engine that has found a contradiction when a block is committed.
private struct Accuser: ConsensusEngine {
    let id = "one-validator"
    var engine: OneValidator
    let evidence: Evidence
    let height: UInt64

    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect] {
        var effects = try engine.step(event)
        if case .committed(height, _, _, _, _, _) = event.kind { effects.append(.evidence(evidence)) }
        return effects
    }

    func snapshot() -> [UInt8] { engine.snapshot() }
}

/// What an engine finds is brought to the ledger by the node itself.
@Suite("Node: evidence", .timeLimit(.minutes(1))) struct EvidenceReportTests {
    /// The only validator's key has signed two blocks of height 1.
    private static func evidence(_ chain: CID, isTrue: Bool = true) -> Evidence {
        let votes = [Digest.blake2b256([1]), .blake2b256([2])].map {
            Vote(chain: chain, height: 1, round: 0, step: .commit, headerID: $0)
        }
        let key = TestNode.validator
        let second = isTrue ? votes[1] : votes[0]
        return Evidence(
            offender: key.publicKey, first: votes[0], second: second, firstSignature: key.sign(votes[0].message),
            secondSignature: key.sign(second.message))
    }

    private func chain(_ folder: TemporaryFolder, isTrue: Bool = true) async throws -> StakedNode {
        try await StakedNode(in: folder.root, configuration: "[ledger]\ndurability = \"normal\"") { chain in
            Accuser(
                engine: OneValidator(chain: chain), evidence: Self.evidence(chain, isTrue: isTrue), height: 2)
        }
    }

    private func isBarred(_ node: TestNode) async throws -> Bool {
        let path = StakingPaths.validator(LedgerHarness.account(1)).bytes
        return try ValidatorRecord.decode(try #require(try await node.runtime.state(at: path).value)).isBarred
    }

    @Test("a node whose key can pay reports a contradiction, and the stake is slashed") func reports() async throws {
        let folder = try TemporaryFolder()
        let chain = try await chain(folder)
        // The account of the node's key gets what the fee takes.
        try await chain.node.block(from: 5, to: 0, sequence: 0)
        try await chain.node.block(from: 5, sequence: 1)
        for _ in 0..<200 where try await !isBarred(chain.node) { try await Task.sleep(for: .milliseconds(25)) }
        #expect(try await isBarred(chain.node))
        await chain.node.stop()
    }

    @Test("a node that cannot pay, or whose engine is wrong, goes on") func obstacles() async throws {
        for isTrue in [true, false] {
            let folder = try TemporaryFolder()
            let chain = try await chain(folder, isTrue: isTrue)
            for sequence in 0..<4 as Range<UInt64> { try await chain.node.block(from: 5, sequence: sequence) }
            #expect(try await !isBarred(chain.node))
            #expect(try await chain.node.runtime.status().height == 4)
            await chain.node.stop()
        }
    }
}
