import Ledger
import Node
import NodeAPIFixture
import Primitives
import Synchronization
import Testing

@testable import vinculum

/// A node that says less, or another thing, than what it claims is not believed.
@Suite struct ChainTrustTests {
    private func genesis(_ name: String) -> Genesis {
        let key = SecretKey.generate().publicKey
        return Genesis(
            name: name, timeMilliseconds: 1, engine: "solo", validators: ValidatorSet(solo: key), sections: CBORMap())
    }

    /// The fixture's status says height 7, and gives no headers beyond what a test puts in.
    @Test func headersThatEndEarlyAreNotProven() async throws {
        let node = FixtureService()
        node.state.withLock { $0.withholdsHeaders = true }
        await #expect(throws: CommandFailure.self) {
            try await HeaderWalk.forEach(from: 1, through: 7, of: node) { _ in }
        }
        do {
            try await HeaderWalk.forEach(from: 1, through: 7, of: node) { _ in }
        } catch let failure as CommandFailure {
            #expect(failure.status == .notProven && failure.message.contains("7 blocks"), "\(failure.message)")
        }
        // Bytes that are no header are a proof that does not hold, and not a defect of this program.
        node.state.withLock { $0.withholdsHeaders = false }
        do {
            try await HeaderWalk.forEach(from: 1, through: 7, of: node) { _ in }
            Issue.record("nothing was refused")
        } catch let failure as CommandFailure { #expect(failure.status == .notProven) }
    }

    @Test func anotherChainIsNotSignedFor() async throws {
        let (ours, theirs) = (genesis("a").chain, genesis("b").chain)
        var status = try await FixtureService().status()
        status.chain = theirs.text
        #expect(try SigningChain(expected: theirs).of(status) == theirs)
        #expect(try SigningChain(expected: nil).of(status) == theirs)
        do {
            _ = try SigningChain(expected: ours).of(status)
            Issue.record("signed for another chain")
        } catch let failure as CommandFailure {
            #expect(failure.status == .notProven && failure.message.contains(theirs.text))
        }
    }

    @Test func aValueWithoutAProofIsNotBelieved() async throws {
        let node = FixtureService()
        node.state.withLock { $0.values[[1]] = [2] }
        do {
            _ = try await ProvenState(node, genesis("a")).value(at: [1])
            Issue.record("believed")
        } catch let failure as CommandFailure { #expect(failure.status == .notProven) }
    }
}
