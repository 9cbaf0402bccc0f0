import Ledger
import Primitives
import Testing

/// A node that begins with a snapshot has no transaction before it, and proves every later one.
@Suite("History: its tail") struct HistoryTailTests {
    private func id(_ number: UInt64) -> Digest { .blake2b256(number.encoded()) }

    /// The digests of a vector by level, from a place on.
    private final class Store {
        var levels: [UInt8: (first: UInt64, hashes: [Digest])] = [:]

        func add(_ run: TransactionHistory.Run) {
            levels[run.level, default: (run.first, [])].hashes += run.hashes
        }

        func read(_ level: UInt8, _ first: UInt64, _ count: Int) -> [Digest]? {
            guard let known = levels[level], first >= known.first,
                first + UInt64(count) <= known.first + UInt64(known.hashes.count)
            else { return nil }
            return Array(known.hashes[Int(first - known.first)..<Int(first - known.first) + count])
        }
    }

    private func header(_ history: TransactionHistory) throws -> Header {
        let genesis = try TestChain.genesis()
        return Header(
            chain: genesis.chain, height: 1, parent: .zero, timeMilliseconds: 1,
            proposer: TestChain.validator.publicKey,
            beaconProof: [], rulesVersion: 1, engine: "e", validatorSetDigest: .zero, nextValidatorSetDigest: .zero,
            stateRoot: .zero, transactionsRoot: .zero, receiptsRoot: .zero, historyRoot: history.root(),
            historySize: history.size)
    }

    @Test(
        "is enough to go on, and to prove every slot after it, at every kind of size",
        arguments: [0, 1, 2, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 65_537, 66_111, 70_003] as [UInt64])
    func goesOn(size: UInt64) throws {
        var whole = TransactionHistory()
        let all = Store()
        for number in 0..<size { whole.append(id(number)) }
        whole.takeNewHashes().forEach(all.add)
        let tail = try #require(HistoryTail(size: size, read: all.read))
        try tail.verify(try header(whole))
        let again = try HistoryTail.decode(tail.encoded())
        #expect(again == tail)
        // The other node has the tail alone.
        let other = Store()
        for level in UInt8(0)..<8 {
            let count = size >> (8 * UInt64(level))
            let first = count & ~0xff
            guard count > first, let hashes = all.read(level, first, Int(count - first)) else { continue }
            other.levels[level] = (first, hashes)
        }
        var joined = try TransactionHistory(size: size, read: other.read)
        for number in size..<size + 700 {
            whole.append(id(number))
            joined.append(id(number))
        }
        joined.takeNewHashes().forEach(other.add)
        #expect(joined.root() == whole.root())
        for slot in stride(from: size, to: size + 700, by: 23) {
            let path = try joined.path(to: slot, read: other.read)
            try MerkleInclusionProof(index: slot, count: size + 700, path: path).verify(
                leafDigest: BLAKE2bMerkleHash.leaf(id(slot)), root: whole.root())
        }
    }

    @Test("with a digest changed, missing or more than there are, it is refused") func lies() throws {
        var history = TransactionHistory()
        let store = Store()
        for number in 0..<66_111 as Range<UInt64> { history.append(id(number)) }
        history.takeNewHashes().forEach(store.add)
        let tail = try #require(HistoryTail(size: history.size, read: store.read))
        let header = try header(history)
        let bytes = tail.encoded()
        var random = SeededRandom(state: 9)
        for _ in 0..<200 {
            var lie = bytes
            lie[Int.random(in: 0..<lie.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            guard let read = try? HistoryTail.decode(lie) else { continue }
            #expect(throws: TrustError.self) { try read.verify(header) }
        }
        #expect(HistoryTail(size: history.size + 1, read: store.read) == nil)
        let shorter = try #require(HistoryTail(size: history.size - 1, read: store.read))
        #expect(throws: TrustError.self) { try shorter.verify(header) }
    }
}
