import Primitives
import Testing

@testable import Node

@Suite("Node: telling transactions once more")
struct TransactionRetellingTests {
    @Test("what waits longest is told again after a second, and then more and more rarely")
    func doubles() {
        var retelling = TransactionRetelling()
        let id = Digest.blake2b256([1])
        var told: [Int] = []
        for second in 0..<200 where retelling.isDue(oldest: id, now: .seconds(second)) { told.append(second) }
        #expect(told == [1, 3, 7, 15, 31, 63, 95, 127, 159, 191])
    }

    @Test("a chain that moves tells nothing again, and each new oldest begins anew")
    func moves() {
        var retelling = TransactionRetelling()
        for second in 0..<100 {
            let id = Digest.blake2b256([UInt8(second)])
            let isDue = retelling.isDue(oldest: id, now: .seconds(second))
            #expect(!isDue, "second \(second)")
        }
        let last = Digest.blake2b256([99])
        let isDue = retelling.isDue(oldest: last, now: .seconds(100))
        #expect(isDue)
        let isEmpty = retelling.isDue(oldest: nil, now: .seconds(101))
        #expect(!isEmpty)
        let again = retelling.isDue(oldest: last, now: .seconds(200))
        #expect(!again)
    }
}
