import Ledger
import LedgerSupport
import Primitives
import Testing
import Tokens

@Suite("Transactions") struct TransactionTests {
    static func sample(_ number: UInt64 = 1, signers: [UInt64] = [1]) -> Transaction {
        let body = TransactionBody(
            chain: LedgerHarness.chain, account: LedgerHarness.account(number), lane: 3, sequence: number,
            validUntilHeight: 9, payer: LedgerHarness.account(2), feeLimit: Amount(tokens: 1), module: "tokens",
            call: ActionCall("transfer", Transfer(to: LedgerHarness.account(3), amount: Amount(tokens: number))))
        return Transaction(body, signedBy: signers.map { LedgerHarness.key($0) })
    }

    @Test("an envelope reads back as it was written, and its id leaves signatures out") func roundTrip() throws {
        let transaction = Self.sample(signers: [1, 2, 3])
        let read = try Transaction(decoding: transaction.encoded)
        #expect(read == transaction)
        #expect(read.id == Self.sample(signers: [1]).id)
        #expect(read.encoded != Self.sample(signers: [1]).encoded)
        #expect(try VerifiedTransaction(verifying: read).signers.count == 3)
    }

    @Test("a changed byte is refused, or is another transaction with a bad signature") func flippedBits() throws {
        let encoded = Self.sample().encoded
        for index in encoded.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = encoded
                changed[index] ^= 1 << bit
                #expect(throws: Refusal.self, "byte \(index), bit \(bit)") {
                    try VerifiedTransaction(decoding: changed, byteLimit: 1 << 16)
                }
            }
        }
    }

    @Test("whatever decodes encodes to the same bytes, and nothing crashes", arguments: [1, 2, 3, 4] as [UInt64])
    func fuzz(seed: UInt64) throws {
        var random = SeededRandom(state: seed)
        let valid = Self.sample(signers: [1, 2]).encoded
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0 ... .max, using: &random)
                case 1: bytes.remove(at: Int.random(in: bytes.indices, using: &random))
                case 2:
                    bytes.insert(
                        UInt8.random(in: 0 ... .max, using: &random), at: Int.random(in: bytes.indices, using: &random))
                default: bytes = Array(bytes.prefix(Int.random(in: 1...bytes.count, using: &random)))
                }
            }
            guard let read = try? Transaction(decoding: bytes) else { continue }
            accepted += 1
            #expect(Transaction(read.body, signatures: read.signatures).encoded == bytes, "seed \(seed)")
        }
        // Signatures are opaque here, so that some changes stay transactions: the check above has run.
        #expect(accepted > 0, "seed \(seed)")
    }

    @Test("signatures that are missing, twice or too many are refused") func signatureLists() throws {
        let body = Self.sample().body
        #expect(throws: Refusal.self) { try Transaction(decoding: Transaction(body, signatures: []).encoded) }
        let one = Self.sample().signatures
        #expect(throws: Refusal.self) { try Transaction(decoding: Transaction(body, signatures: one + one).encoded) }
        let many = Self.sample(signers: Array(1...17)).encoded
        #expect(throws: Refusal.self) { try Transaction(decoding: many) }
    }

    @Test("a transaction above the limit of size is refused before it is read") func tooLarge() throws {
        let error = #expect(throws: Refusal.self) {
            try VerifiedTransaction(decoding: Self.sample().encoded, byteLimit: 100)
        }
        #expect(error?.code == .tooLarge)
    }

    @Test("verification on all cores keeps the order and finds the bad one") func parallel() async throws {
        var encoded = (0..<200 as Range<UInt64>).map { Self.sample($0, signers: [1]).encoded }
        encoded[137][encoded[137].count - 1] ^= 1
        let results = await TransactionVerifier.verify(encoded)
        #expect(results.count == 200)
        for (index, result) in results.enumerated() {
            switch result {
            case .success(let transaction): #expect(transaction.body.sequence == UInt64(index))
            case .failure(let refusal): #expect(index == 137 && refusal.code == .badSignature)
            }
        }
    }
}
