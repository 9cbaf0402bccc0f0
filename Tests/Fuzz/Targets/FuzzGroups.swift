/// All groups but that of the HTTP interface, which needs a server.
package enum FuzzGroups {
    package static let all: [FuzzGroup] = [ledger, records, proofs, training, configuration, plugins, network]

    /// Draws inputs that a sanitizer need not see: seeds with a few bytes changed. Answers what was found.
    package static func findings(in group: FuzzGroup, seed: UInt64, count: Int) throws -> [FuzzFinding] {
        var generator = FuzzGenerator(seed: seed)
        let corpus = try group.corpus()
        var findings: [FuzzFinding] = []
        for _ in 0..<count {
            guard var input = corpus.randomElement(using: &generator)?.input else { break }
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !input.isEmpty {
                let place = Int.random(in: 0..<input.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: input[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: input[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: input.remove(at: place)
                case 3: input.removeLast(input.count - place)
                default:
                    let other = corpus.randomElement(using: &generator)?.input ?? []
                    let length = min(other.count, 16)
                    let start = Int.random(in: 0...other.count - length, using: &generator)
                    input.insert(contentsOf: other[start..<start + length], at: place)
                }
            }
            do throws(FuzzFinding) { try group.run(input) } catch { findings.append(error) }
        }
        return findings
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a failing seed is enough to run a case again.
package struct FuzzGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
