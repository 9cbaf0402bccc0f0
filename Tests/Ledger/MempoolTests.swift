import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

@Suite("Mempool") struct MempoolTests {
    private func transaction(
        _ from: UInt64, sequence: UInt64, fee: UInt128 = 100, lane: UInt8 = 0
    ) throws -> VerifiedTransaction {
        let body = TransactionBody(
            chain: LedgerHarness.chain, account: LedgerHarness.account(from), lane: lane, sequence: sequence,
            validUntilHeight: 9, feeLimit: Amount(baseUnits: fee), module: "tokens",
            call: ActionCall("transfer", Transfer(to: LedgerHarness.account(9), amount: Amount(tokens: 1))))
        return try VerifiedTransaction(verifying: Transaction(body, signedBy: [LedgerHarness.key(from)]))
    }

    private func code(_ body: () throws -> Void) -> ResultCode? {
        do {
            try body()
            return nil
        } catch { return (error as? Refusal)?.code }
    }

    @Test("an account has at most 64 waiting, over all its lanes") func perAccount() throws {
        var pool = Mempool()
        for sequence in 0..<32 as Range<UInt64> {
            try pool.insert(try transaction(1, sequence: sequence), expected: 0)
            try pool.insert(try transaction(1, sequence: sequence, lane: 1), expected: 0)
        }
        #expect(pool.count == 64)
        #expect(code { try pool.insert(try transaction(1, sequence: 32), expected: 0) } == .tooManyPending)
        try pool.insert(try transaction(2, sequence: 0), expected: 0)
    }

    @Test("a replacement needs a tenth more") func replacement() throws {
        var pool = Mempool()
        try pool.insert(try transaction(1, sequence: 0), expected: 0)
        #expect(code { try pool.insert(try transaction(1, sequence: 0), expected: 0) } == .duplicate)
        #expect(
            code { try pool.insert(try transaction(1, sequence: 0, fee: 109), expected: 0) } == .replacementUnderpriced)
        try pool.insert(try transaction(1, sequence: 0, fee: 110), expected: 0)
        #expect(pool.count == 1)
        #expect(pool.byteCount == (try transaction(1, sequence: 0, fee: 110)).byteCount)
    }

    @Test("what waits is known by its very bytes, and by no others") func checked() throws {
        var pool = Mempool()
        let first = try transaction(1, sequence: 0)
        try pool.insert(first, expected: 0)
        #expect(pool.verified(first.transaction.encoded) == first)
        // The same body under other bytes of signature: its id is the same, and nobody has checked it.
        var other = first.transaction.encoded
        other[other.count - 1] ^= 1
        #expect(pool.verified(other) == nil)
        let dearer = try transaction(1, sequence: 0, fee: 200)
        try pool.insert(dearer, expected: 0)
        #expect(pool.verified(first.transaction.encoded) == nil && pool.verified(dearer.transaction.encoded) == dearer)
    }

    @Test("bytes are bounded, gaps and past sequences refused") func bounds() throws {
        var limits = Mempool.Limits()
        limits.byteCount = try transaction(1, sequence: 0).byteCount
        var pool = Mempool(limits: limits)
        #expect(code { try pool.insert(try transaction(1, sequence: 1), expected: 2) } == .wrongSequence)
        #expect(code { try pool.insert(try transaction(1, sequence: 1), expected: 0) } == .sequenceTooFarAhead)
        try pool.insert(try transaction(1, sequence: 0), expected: 0)
        #expect(code { try pool.insert(try transaction(2, sequence: 0), expected: 0) } == .mempoolFull)
    }

    @Test("blocks take the highest fee first, and each lane in its order") func order() throws {
        var chain = try TestChain(genesis: try TestChain.genesis())
        func signed(_ from: UInt64, _ sequence: UInt64, tokens: UInt64) throws -> VerifiedTransaction {
            try VerifiedTransaction(
                verifying: Transaction(
                    chain.body(from: from, sequence: sequence, feeLimit: Amount(tokens: tokens)),
                    signedBy: [LedgerHarness.key(from)]))
        }
        try chain.submit([
            try signed(1, 0, tokens: 1), try signed(1, 1, tokens: 9), try signed(2, 0, tokens: 5),
            try signed(3, 0, tokens: 5),
        ])
        let order = try #require(chain.blocks.first).transactions.map(\.body.account)
        #expect(order == [2, 3, 1, 1].map { LedgerHarness.account($0) })
    }
}
