import Consensus
import Federation
import Ledger
import Market
import Privacy
import Staking
import Testing

@testable import vinculum

/// Every refusal of the ledger has a name, and none is shown as a bare number.
@Suite struct ResultNameTests {
    @Test func everyCodeOfEveryModuleHasAName() {
        let federation = FederationCode.allCases.map(\.rawValue)
        let privacy = PrivacyCode.allCases.map(\.rawValue)
        let market = MarketCode.allCases.map(\.rawValue)
        let staking = StakingCode.allCases.map(\.rawValue)
        let consensus = ConsensusCode.allCases.map(\.rawValue)
        let codes =
            Array(0...29) + Array(100...106) + federation + privacy + market + staking
            + consensus
        let names = codes.compactMap { TransactionResult.word($0) }
        #expect(names.count == codes.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isLowercase || $0 == "_" } })
        // Two modules may refuse for the same reason, but each module's reasons differ.
        for group in [federation, privacy, market, staking, consensus] {
            #expect(Set(group.compactMap { TransactionResult.word($0) }).count == group.count)
        }
    }

    @Test func aNameAndItsCodeAreShown() {
        #expect(TransactionResult.name(403) == "escrow_too_small (code 403)")
        #expect(TransactionResult.name(12) == "payer_cannot_pay (code 12)")
        #expect(TransactionResult.name(9_999) == "code 9999")
        #expect(TransactionResult.hint(12)?.contains("vinculum tx transfer") == true)
        #expect(TransactionResult.hint(0) == nil)
    }
}
