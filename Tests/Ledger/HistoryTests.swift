import Ledger
import LedgerSupport
import Primitives
import Testing

@Suite("History") struct HistoryTests {
    /// The definition of RFC 9162, section 2.1.1, read literally: slow, and by another way than the code.
    private func definition(_ leaves: ArraySlice<Digest>) -> Digest {
        if leaves.isEmpty { return .blake2b256([]) }
        if leaves.count == 1 { return .blake2b256([0] + leaves[leaves.startIndex].bytes) }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        let middle = leaves.startIndex + split
        return .blake2b256([1] + definition(leaves[..<middle]).bytes + definition(leaves[middle...]).bytes)
    }

    private func id(_ number: Int) -> Digest { .blake2b256(UInt64(number).encoded()) }

    @Test("the root is RFC 9162's at every size over several tiles") func rootIsTheDefinition() {
        var vector = TransactionHistory()
        var leaves: [Digest] = []
        #expect(vector.root() == definition([]))
        for number in 0..<1_100 {
            vector.append(id(number))
            leaves.append(id(number))
            if number < 20 || number % 37 == 0 || [254, 255, 256, 257, 511, 512, 513].contains(number) {
                #expect(vector.root() == definition(leaves[...]), "size \(number + 1)")
            }
        }
    }

    @Test("a vector that is restored goes on as if it had never stopped, and proves every slot") func restore() throws {
        var vector = TransactionHistory()
        var stored: [UInt8: [Digest]] = [:]
        #expect(throws: TrustError.self) { try TransactionHistory(size: 5) { _, _, _ in nil } }
        func reader() -> TransactionHistory.Read {
            { [stored] level, first, count in
                guard let hashes = stored[level], first + UInt64(count) <= UInt64(hashes.count) else { return nil }
                return Array(hashes[Int(first)..<Int(first) + count])
            }
        }
        for number in 0..<70_000 {
            vector.append(id(number))
            guard number % 997 == 0 || number > 69_990 || number == 65_535 else { continue }
            for run in vector.takeNewHashes() {
                #expect(run.first == UInt64(stored[run.level]?.count ?? 0))
                stored[run.level, default: []] += run.hashes
            }
            var restored = try TransactionHistory(size: vector.size, read: reader())
            #expect(restored.root() == vector.root(), "size \(number + 1)")
            restored.append(id(number + 1))
            #expect(restored.size == vector.size + 1)
            let slot = UInt64(number * 7 % (number + 1))
            let path = try vector.path(to: slot, read: reader())
            let proof = MerkleInclusionProof(index: slot, count: vector.size, path: path)
            try proof.verify(leafDigest: BLAKE2bMerkleHash.leaf(id(Int(slot))), root: vector.root())
        }
        #expect(throws: TrustError.self) { try vector.path(to: vector.size, read: reader()) }
        #expect(throws: TrustError.self) { try vector.path(to: 3) { _, _, _ in nil } }
    }

    @Test("a certificate needs the threshold, known keys and good signatures") func certificates() throws {
        let keys = (1...4 as ClosedRange<UInt64>).map { LedgerHarness.key($0) }
        let set = try #require(ValidatorSet(keys.map { .init(key: $0.publicKey) }, threshold: 3))
        #expect(ValidatorSet(keys.map { .init(key: $0.publicKey) }, threshold: 2) == nil)
        let digest = id(1)
        func header(_ height: UInt64) -> Header {
            Header(
                chain: LedgerHarness.chain, height: height, parent: digest, timeMilliseconds: 1,
                proposer: keys[0].publicKey, beaconProof: [], rulesVersion: 1, engine: "e",
                validatorSetDigest: set.digest, nextValidatorSetDigest: set.digest, stateRoot: digest,
                transactionsRoot: digest, receiptsRoot: digest, historyRoot: digest, historySize: 1)
        }
        func certificate(_ signers: [SecretKey], of height: UInt64 = 1) -> Certificate {
            let vote = Vote(
                chain: LedgerHarness.chain, height: height, round: 0, step: .commit, headerID: header(height).id)
            return Certificate(
                round: 0, signatures: signers.map { SignedBy(key: $0.publicKey, signature: $0.sign(vote.message)) })
        }
        func code(_ certificate: Certificate) -> TrustError.Code? {
            do throws(TrustError) {
                try certificate.verify(header(1), validators: set)
                return nil
            } catch { return error.code }
        }
        #expect(code(certificate(Array(keys[0...2]))) == nil)
        #expect(code(certificate(Array(keys[0...1]))) == .belowThreshold)
        #expect(code(certificate([keys[0], keys[0], keys[0]])) == .malformed)
        #expect(code(certificate([keys[0], keys[1], LedgerHarness.key(9)])) == .unknownSigner)
        #expect(code(certificate(Array(keys[0...2]), of: 2)) == .badSignature)
        let other = ValidatorSet(solo: keys[0].publicKey)
        #expect(throws: TrustError.self) { try certificate([keys[0]]).verify(header(1), validators: other) }
    }
}
