import Ledger
import LedgerSupport
import Primitives
import Staking
import Testing

@testable import Node

/// The engine of proof of stake, through its plugin interface, over the ledger that elects its validators.
@Suite("Node: the real engine over changing validators", .timeLimit(.minutes(2))) struct CommitteeTests {
    @Test("a newcomer with half of the power takes part, and one that contradicted itself is left out")
    func joinsAndLeaves() throws {
        var committee = try CommitteeOfEngines(kernels: 5)
        try committee.transfers(2)
        #expect(committee.blocks.allSatisfy { $0.certificate.signatures.count >= 3 })
        let registration = RegisterBody(
            key: LedgerHarness.key(4), of: LedgerHarness.account(14), chain: committee.genesis.chain, commission: 0,
            maximumCommission: 0, stake: Amount(tokens: 400_000), term: .month)
        try committee.decide("staking", ActionCall("register", registration), from: 14)
        try committee.transfers(8)
        let newcomer = LedgerHarness.key(4).publicKey
        #expect(committee.heads.allSatisfy { $0.validators.power(of: newcomer) == 400_000_000 })
        // Nothing is decided without the half of the power that it has.
        let last = try #require(committee.blocks.last)
        #expect(last.certificate.signatures.contains { $0.key == newcomer })
        #expect(committee.blocks.contains { $0.header.proposer == newcomer })

        let votes = [Digest.blake2b256([1]), .blake2b256([2])].map {
            Vote(chain: committee.genesis.chain, height: last.header.height, round: 0, step: .commit, headerID: $0)
        }
        let liar = LedgerHarness.key(0)
        let evidence = Evidence(
            offender: liar.publicKey, first: votes[0], second: votes[1], firstSignature: liar.sign(votes[0].message),
            secondSignature: liar.sign(votes[1].message))
        try committee.decide("staking", ActionCall("report", ReportBody(evidence: evidence)), from: 6)
        try committee.transfers(8)
        #expect(committee.heads.allSatisfy { $0.validators.power(of: liar.publicKey) == nil })
        #expect(try #require(committee.blocks.last).certificate.signatures.allSatisfy { $0.key != liar.publicKey })
        #expect(Set(committee.heads.map(\.headerID)).count == 1)
        #expect(committee.faults.isEmpty, "\(committee.faults)")

        // And whoever has only the genesis can check it all.
        var verifier = BlockSequenceVerifier(genesis: committee.genesis)
        for block in committee.blocks {
            try verifier.verify(
                ExportedBlock(
                    certified: block.certifiedHeader, transactions: block.transactions.map(\.transaction.encoded),
                    newValidators: block.newValidators))
        }
        #expect(committee.blocks.count { $0.newValidators != nil } == 2)
    }
}
