import Primitives
import Testing

@Suite("Primitives: digests that were seen lately")
struct RecentDigestsTests {
    @Test("the last ones are known, and those of long ago are not")
    func remembers() {
        var recent = RecentDigests(limit: 100)
        let digests = (0..<1_000 as Range<UInt32>).map { number in
            Digest.blake2b256(withUnsafeBytes(of: number) { Array($0) })
        }
        for (index, digest) in digests.enumerated() {
            #expect(!recent.contains(digest))
            recent.insert(digest)
            for known in digests[max(0, index - 99)...index] { #expect(recent.contains(known)) }
            if index >= 200 { #expect(!recent.contains(digests[index - 200])) }
        }
    }
}
