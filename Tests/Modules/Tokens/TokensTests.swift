import Ledger
import LedgerSupport
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

extension TokensTests {
    private func send(_ to: UInt64, _ amount: Amount) -> ActionCall {
        ActionCall("transfer", Transfer(to: LedgerHarness.account(to), amount: amount))
    }

    @Test("amounts of zero, above the balance and above the range are refused by name") func badAmounts() throws {
        var ledger = try Self.harness()
        #expect(try ledger.apply("tokens", send(2, .zero), from: 1).code == .amountIsZero)
        #expect(try ledger.apply("tokens", send(2, .maximum), from: 1).code == .insufficientBalance)
        // A genesis that makes more than there can be.
        let allocations = [Amount.maximum, Amount(baseUnits: 1)].map {
            Transfer(to: LedgerHarness.account(1), amount: $0)
        }
        let section = try TokensGenesis(allocations: allocations).section()
        let error = #expect(throws: Refusal.self) {
            try LedgerHarness(modules: [TokensModule()], sections: CBORMap([(key: "tokens", value: section)]))
        }
        #expect(error?.code == .amountOverflow)
    }

    @Test("tokens are not sent where nobody could take them out again") func derivedAccounts() throws {
        var ledger = try Self.harness()
        for module in ["tokens", "federation", "market"] {
            let lost = Transfer(to: .derived(module: module, id: Array("treasury".utf8)), amount: Amount(tokens: 1))
            #expect(try ledger.apply("tokens", ActionCall("transfer", lost), from: 1).code == .accountHasNoKeys)
            let batch = TransferBatch([lost])
            #expect(try ledger.apply("tokens", ActionCall("transfer-batch", batch), from: 1).code == .accountHasNoKeys)
        }
    }

    @Test("a batch happens as a whole or not at all") func batches() throws {
        var ledger = try Self.harness()
        let good = [2, 3].map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 400)) }
        #expect(try ledger.apply("tokens", ActionCall("transfer-batch", TransferBatch(good)), from: 1).code == .ok)
        let bad = TransferBatch(good.reversed())
        #expect(try ledger.apply("tokens", ActionCall("transfer-batch", bad), from: 1).code == .insufficientBalance)
        #expect(try ledger.state.balance(of: LedgerHarness.account(3)) == Amount(tokens: 1_400))
        let none = ActionCall("transfer-batch", TransferBatch([]))
        #expect(try ledger.apply("tokens", none, from: 1).code == .batchSize)
    }

    @Test("a body that nests deeper than the limit is refused by the ledger, at its sender's cost") func nesting()
        throws
    {
        var ledger = try Self.harness()
        func deep(_ levels: Int) -> ActionCall {
            ActionCall(action: "burn", body: [UInt8](repeating: 0x81, count: levels) + [0])
        }
        let receipt = try ledger.apply("tokens", deep(17), from: 1)
        #expect(receipt.code == .malformed && !receipt.fee.isZero)
    }

    @Test("fees go to burn, treasury and proposer, and nothing is lost") func feeSplit() throws {
        var ledger = try Self.harness()
        let receipt = try ledger.apply("tokens", send(2, Amount(tokens: 1)), from: 1)
        let parameters = try TokensParameters()
        let burned = try Supply.counters(ledger.state).burned
        let treasury = try ledger.state.balance(of: parameters.treasury)
        let proposer = try ledger.state.balance(of: ledger.proposer)
        #expect(burned.baseUnits == receipt.fee.baseUnits / 2)
        #expect(treasury.baseUnits == receipt.fee.baseUnits / 5)
        #expect(try burned.adding(treasury).adding(proposer) == receipt.fee)
    }

    @Test("a broken conservation is caught") func conservationIsChecked() throws {
        let ledger = try Self.harness()
        let thief = Account(balance: Amount(tokens: 5_000))
        try ledger.state.store.put(Account.path(LedgerHarness.account(2)), thief.encoded())
        #expect(throws: Refusal.self) { try Supply.checkConservation(ledger.state) }
    }

    @Test("a block after which the invariant does not hold fails: every test with a ledger relies on it")
    func harnessChecksEveryBlock() throws {
        final class Switch { var isBroken = false }
        let theft = Switch()
        var ledger = try LedgerHarness(
            modules: [TokensModule()],
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: []).section())]),
            invariant: { (state) throws(Refusal) in
                if theft.isBroken { try? state.store.put(Account.path(LedgerHarness.account(2)), [0]) }
                try Supply.checkConservation(state)
            })
        try ledger.block()
        theft.isBroken = true
        #expect(throws: Refusal.self) { try ledger.block() }
    }

    @Test("a multi-signature account acts when weights reach its threshold, and rotates its keys") func multi() throws {
        var ledger = try Self.harness()
        func record(_ numbers: [UInt64], _ threshold: UInt64) throws -> Authorisation {
            try Authorisation(
                keys: numbers.map { .init(LedgerHarness.key($0).publicKey) }, threshold: threshold)
        }
        let first = try record([4, 5, 6], 2)
        let id = first.accountID
        try ledger.apply("tokens", ActionCall("open-multisignature", first), from: 1)
        try ledger.apply("tokens", ActionCall("transfer", Transfer(to: id, amount: Amount(tokens: 50))), from: 1)
        func act(_ call: ActionCall, sequence: UInt64, by signers: [UInt64]) throws -> VerifiedTransaction {
            let body = TransactionBody(
                chain: LedgerHarness.chain, account: id, sequence: sequence, validUntilHeight: 100,
                feeLimit: Amount(baseUnits: 1_000_000_000_000_000), module: "tokens", call: call)
            return try VerifiedTransaction(
                verifying: Transaction(body, signedBy: signers.map { LedgerHarness.key($0) }))
        }
        let spend = send(2, Amount(tokens: 1))
        #expect(throws: Refusal.self) { try ledger.block([try act(spend, sequence: 0, by: [4])]) }
        #expect(throws: Refusal.self) { try ledger.block([try act(spend, sequence: 0, by: [4, 7])]) }
        #expect(try ledger.block([try act(spend, sequence: 0, by: [4, 6])]).map(\.code) == [.ok])
        let rotation = ActionCall("rotate-authorisation", try record([7], 1))
        #expect(try ledger.block([try act(rotation, sequence: 1, by: [5, 6])]).map(\.code) == [.ok])
        #expect(throws: Refusal.self) { try ledger.block([try act(spend, sequence: 2, by: [4, 5, 6])]) }
        #expect(try ledger.block([try act(spend, sequence: 2, by: [7])]).map(\.code) == [.ok])
        #expect(try ledger.apply("tokens", ActionCall("open-multisignature", first), from: 1).code != .ok)
    }

    @Test("records that nobody could satisfy are refused") func invalidRecords() {
        let key = LedgerHarness.key(1).publicKey
        for (keys, threshold) in [
            ([], 1), ([.init(key)], 0), ([.init(key)], 2), ([.init(key), .init(key)], 1), ([.init(key, weight: 0)], 1),
        ] as [([Authorisation.WeightedKey], UInt64)] {
            #expect(throws: Refusal.self) { try Authorisation(keys: keys, threshold: threshold) }
        }
    }

    @Test("another payer pays only when it signs") func payers() throws {
        var ledger = try Self.harness()
        let payer = LedgerHarness.account(2)
        let action = send(3, Amount(tokens: 1))
        #expect(throws: Refusal.self) {
            try ledger.block([try ledger.call("tokens", action, from: 1, payer: payer)])
        }
        let signed = try ledger.call("tokens", action, from: 1, payer: payer, cosigners: [2])
        let fee = try #require(try ledger.block([signed]).first).fee
        #expect(try ledger.state.balance(of: payer) == Amount(tokens: 1_000).subtracting(fee))
        #expect(try ledger.state.balance(of: LedgerHarness.account(1)) == Amount(tokens: 999))
    }

    @Test("whatever happens, the supply is the sum of all balances", arguments: [1, 2, 3] as [UInt64])
    func conservation(seed: UInt64) throws {
        var ledger = try Self.harness([1_000, 10, 1, 500, 70])
        var state = seed
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var codes: Set<Int32> = []
        for _ in 0..<150 {
            var block: [VerifiedTransaction] = []
            for number in 1...5 as ClosedRange<UInt64> where random(3) > 0 {
                let amount = Amount(baseUnits: UInt128(random(2_000)) * Amount.baseUnitsPerToken / 7)
                let action: ActionCall
                switch random(5) {
                case 0: action = ActionCall("burn", BurnOrder(amount: Amount(baseUnits: UInt128(random(1 << 40)))))
                case 1:
                    action = ActionCall(
                        "transfer-batch",
                        TransferBatch(
                            (0...random(4)).map { _ in
                                Transfer(to: LedgerHarness.account(random(7)), amount: amount)
                            }))
                case 2: action = ActionCall(action: "transfer", body: [0xff])
                case 3: action = ActionCall(action: "no-such-action", body: [0x80])
                default: action = send(random(7), amount)
                }
                let transaction = try ledger.call("tokens", action, from: number)
                let balance = try ledger.state.balance(of: LedgerHarness.account(number))
                if balance >= transaction.body.feeLimit { block.append(transaction) }
            }
            // An earlier transaction of the block can leave a payer without its fee: such a block is not made.
            do { for receipt in try ledger.block(block) { codes.insert(receipt.code.rawValue) } } catch {
                let code = error.code
                #expect(code == .payerCannotPay, "seed \(seed): \(error)")
            }
        }
        #expect(codes.isSuperset(of: [0, 1, 4, 9]), "seed \(seed)")
    }
}
