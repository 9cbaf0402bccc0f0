import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

@Suite("Kernel") struct KernelTests {
    @Test("a transfer becomes a certified block") func transferBecomesBlock() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        try chain.submit([try chain.transfer(from: 1, sequence: 0)])
        let block = try #require(chain.blocks.first)
        #expect(block.header.height == 1)
        #expect(block.receipts.map(\.code) == [.ok])
        try TrustAnchor(genesis: chain.genesis).verify(block.certifiedHeader)
        let balance = try chain.kernel.committedState().balance(of: LedgerHarness.account(2))
        #expect(balance == Amount(tokens: 1_001))
    }

    @Test("a block without transactions is not made") func emptyBlocksAreNotMade() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        try chain.submit([])
        try chain.run(.timePassed(timeMilliseconds: chain.time + 10_000))
        #expect(chain.blocks.isEmpty)
    }

    @Test("the same transactions give the same header") func deterministic() throws {
        var ids: [Digest] = []
        for _ in 0..<2 {
            var chain = try TestChain(genesis: try TestChain.genesis())
            try chain.submit(try (1...8).map { try chain.transfer(from: $0, sequence: 0, to: 9) })
            ids.append(try #require(chain.blocks.last).headerID)
        }
        #expect(ids[0] == ids[1])
        // From another process, on another day: any change of a rule or format shows here.
        #expect(ids[0].hex == KernelTests.goldenHeader)
    }

    /// The id of the header that `deterministic` makes.
    static let goldenHeader = "2bf0760ef552a9045409fdc57906cdac8ec148b02c47c62b39a17dcc7e71e5e3"

    @Test("block time is above the parent's even when the clock stands still") func timeGoesForward() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        for sequence in 0..<3 as Range<UInt64> {
            try chain.run(
                .transactions([try chain.transfer(from: 1, sequence: sequence)], timeMilliseconds: chain.time))
        }
        let times = chain.blocks.map(\.header.timeMilliseconds)
        #expect(times.count == 3)
        #expect(times[0] < times[1] && times[1] < times[2])
    }

    @Test("a failed call of the engine has no effect") func engineFaultsHaveNoEffect() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        try chain.run(.timer(id: 1, timeMilliseconds: chain.time))
        #expect(chain.faults.map(\.code) == [7])
        try chain.submit([try chain.transfer(from: 1, sequence: 0)])
        #expect(chain.blocks.count == 1)
    }

    @Test("a block of another node executes to the same header, and a changed one is refused") func validation() throws
    {
        var proposer = try TestChain(genesis: try TestChain.genesis())
        try proposer.submit([try proposer.transfer(from: 1, sequence: 0)])
        let made = try #require(proposer.blocks.first)
        let encoded = made.transactions.map(\.transaction.encoded)
        var follower = try TestChain(genesis: proposer.genesis)
        let key = TestChain.validator.publicKey
        try follower.run(
            .message(
                sender: key,
                ConsensusMessage(
                    attachment: Block(header: made.header, transactions: encoded), votes: [], payload: []),
                timeMilliseconds: follower.time + 5_000))
        #expect(follower.engineStates.last == Array("\(made.headerID) 0".utf8))
        // The store shows the committed state only, although the candidate's root was computed in it.
        let balance = try follower.kernel.committedState().balance(of: LedgerHarness.account(2))
        #expect(balance == Amount(tokens: 1_000))
        var tampered = made.transactions[0].transaction.encoded
        tampered[tampered.count - 1] ^= 1
        var other = try TestChain(genesis: proposer.genesis)
        try other.run(
            .message(
                sender: key,
                ConsensusMessage(
                    attachment: Block(header: made.header, transactions: [tampered]), votes: [], payload: []),
                timeMilliseconds: other.time + 5_000))
        let answer = String(decoding: other.engineStates.last ?? [], as: UTF8.self)
        #expect(answer.hasSuffix(" \(ResultCode.badSignature.rawValue)"))
    }

    @Test("rules that the program does not have stop it with a clear word") func unknownRules() throws {
        let known = try TestChain.genesis()
        let genesis = Genesis(
            name: "future", timeMilliseconds: known.timeMilliseconds, engine: known.engine,
            validators: known.validators,
            rules: [RulesActivation(version: 1, height: 0), RulesActivation(version: 2, height: 2)],
            sections: known.sections)
        var chain = try TestChain(genesis: genesis)
        let error = #expect(throws: KernelError.self) {
            try chain.submit([try chain.transfer(from: 1, sequence: 0)])
        }
        #expect(error?.code == .unsupportedRules)
    }

    @Test("wrong chain, lane, sequence, expiry, signer, fee and size are refused by name") func refusals() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        func signed(_ body: TransactionBody, by key: UInt64 = 1) throws -> VerifiedTransaction {
            try VerifiedTransaction(verifying: Transaction(body, signedBy: [LedgerHarness.key(key)]))
        }
        let poor = LedgerHarness.account(77)
        let cases: [(ResultCode, VerifiedTransaction)] = [
            (.wrongChain, try signed(chain.body(from: 1, sequence: 0, chain: CID.of(raw: [1])))),
            (.laneOutOfRange, try signed(chain.body(from: 1, sequence: 0, lane: 16))),
            (.sequenceTooFarAhead, try signed(chain.body(from: 1, sequence: 5))),
            (.expired, try signed(chain.body(from: 1, sequence: 0, validUntil: 0))),
            (.unauthorised, try signed(chain.body(from: 1, sequence: 0), by: 2)),
            (.payerCannotPay, try signed(chain.body(from: 1, sequence: 0, feeLimit: Amount(tokens: 1_001)))),
            (.payerCannotPay, try signed(chain.body(from: 1, sequence: 0, payer: poor))),
            (.feeLimitTooLow, try signed(chain.body(from: 1, sequence: 0, feeLimit: Amount(baseUnits: 1)))),
            (.payerUnauthorised, try signed(chain.body(from: 1, sequence: 0, payer: LedgerHarness.account(2)))),
        ]
        for (code, transaction) in cases {
            chain.refusals = []
            try chain.submit([transaction])
            #expect(chain.refusals.map(\.code) == [code])
        }
        #expect(chain.blocks.isEmpty)
        try chain.submit([try chain.transfer(from: 1, sequence: 0)])
        chain.refusals = []
        try chain.submit([try chain.transfer(from: 1, sequence: 0)])
        #expect(chain.refusals.map(\.code) == [.wrongSequence])
    }

    @Test("a failed transaction pays, moves its lane on and leaves a receipt") func failuresPay() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        let tooMuch = try chain.transfer(from: 1, sequence: 0, amount: Amount(tokens: 5_000))
        try chain.submit([tooMuch])
        let receipt = try #require(chain.blocks.first?.receipts.first)
        #expect(receipt.code == .insufficientBalance)
        #expect(!receipt.fee.isZero && receipt.events.isEmpty)
        let account = try chain.kernel.committedState().account(LedgerHarness.account(1))
        #expect(account.sequences[0] == 1)
        #expect(account.balance == (try Amount(tokens: 1_000).subtracting(receipt.fee)))
    }
}
