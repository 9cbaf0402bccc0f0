import Ledger
import Primitives
import Testing
import Tokens

@Suite("Tokens") struct TokensTests {
    static func harness(_ amounts: [UInt64] = [1_000, 1_000, 1_000]) throws -> LedgerHarness {
        let allocations = amounts.enumerated().map {
            Transfer(to: LedgerHarness.account(UInt64($0.offset + 1)), amount: Amount(tokens: $0.element))
        }
        let section = try TokensGenesis(allocations: allocations).section()
        return try LedgerHarness(
            modules: [TokensModule()], sections: CBORMap([(key: "tokens", value: section)]),
            invariant: Supply.checkConservation)
    }

    @Test("a transfer moves the amount and the sender pays the fee") func transferMoves() throws {
        var ledger = try Self.harness()
        let receipt = try ledger.apply(
            "tokens", ActionCall("transfer", Transfer(to: LedgerHarness.account(2), amount: Amount(tokens: 7))), from: 1
        )
        #expect(receipt.code == .ok)
        #expect(receipt.events.map(\.kind) == ["transfer"])
        #expect(try ledger.state.balance(of: LedgerHarness.account(2)) == Amount(tokens: 1_007))
        let left = try Amount(tokens: 993).subtracting(receipt.fee)
        #expect(try ledger.state.balance(of: LedgerHarness.account(1)) == left)
    }
}
