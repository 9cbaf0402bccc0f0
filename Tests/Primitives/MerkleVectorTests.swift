import Primitives
import Testing

@Suite struct MerkleVectorTests {
    typealias CT = MerkleVector<SHA256MerkleHash>

    /// The reference entries and roots of Certificate Transparency's own tests (certificate-transparency project,
    /// `merkle_tree_test`, Apache 2.0), for RFC 6962 and its successor RFC 9162.
    static let entries = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    static let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    @Test func matchesThePublishedRoots() throws {
        var vector = CT()
        #expect(vector.root.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for (entry, root) in zip(MerkleVectorTests.entries, MerkleVectorTests.roots) {
            vector.append(try Hex.decode(entry))
            #expect(vector.root.hex == root)
        }
    }

    @Test func matchesThePublishedProofs() throws {
        let leaves = try MerkleVectorTests.entries.map { SHA256MerkleHash.leaf(try Hex.decode($0)) }
        let prover = MerkleVectorProver<SHA256MerkleHash>(leafDigests: leaves)
        let inclusion: [(UInt64, UInt64, [String])] = [
            (
                0, 8,
                [
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ]
            ),
            (
                5, 8,
                [
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ]
            ),
            (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        ]
        for (index, count, path) in inclusion {
            #expect(try prover.inclusion(of: index, count: count).path.map(\.hex) == path)
        }
        let consistency: [(UInt64, UInt64, [String])] = [
            (1, 1, []),
            (
                1, 8,
                [
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ]
            ),
            (
                6, 8,
                [
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ]
            ),
            (
                2, 5,
                [
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ]
            ),
        ]
        for (first, second, path) in consistency {
            #expect(try prover.consistency(from: first, to: second).path.map(\.hex) == path, "\(first) to \(second)")
        }
    }

    @Test func everyProofOfSmallVectorsHoldsAndNoChangedOneDoes() throws {
        let leaves = (0..<20).map { BLAKE2bMerkleHash.leaf([UInt8($0)]) }
        let prover = MerkleVectorProver<BLAKE2bMerkleHash>(leafDigests: leaves)
        let roots = (0...20).map { HistoryVector.root(of: (0..<$0).map { [UInt8($0)] }) }
        var generator = SeededGenerator(seed: 41)
        for count in 1...20 {
            for index in 0..<count {
                let proof = try prover.inclusion(of: UInt64(index), count: UInt64(count))
                try proof.verify(leafDigest: leaves[index], root: roots[count])
                #expect(try MerkleInclusionProof.decode(proof.encoded()) == proof)
                let changed = MerkleVectorTests.changes(of: proof.path, &generator)
                for path in changed {
                    let forged = MerkleInclusionProof(index: proof.index, count: proof.count, path: path)
                    #expect(throws: MerkleProofError.self) {
                        try forged.verify(leafDigest: leaves[index], root: roots[count])
                    }
                }
                let other = (index + 1) % 20
                #expect(throws: MerkleProofError.self) {
                    try proof.verify(leafDigest: leaves[other], root: roots[count])
                }
            }
            for first in 0...count {
                let proof = try prover.consistency(from: UInt64(first), to: UInt64(count))
                try proof.verify(firstRoot: roots[first], secondRoot: roots[count])
                #expect(try MerkleConsistencyProof.decode(proof.encoded()) == proof)
                #expect(throws: MerkleProofError.self) {
                    try proof.verify(firstRoot: .zero, secondRoot: roots[count])
                }
                if first > 0 {
                    #expect(throws: MerkleProofError.self) {
                        try proof.verify(firstRoot: roots[first], secondRoot: .zero)
                    }
                    for path in MerkleVectorTests.changes(of: proof.path, &generator) {
                        let forged = MerkleConsistencyProof(first: proof.first, second: proof.second, path: path)
                        #expect(throws: MerkleProofError.self) {
                            try forged.verify(firstRoot: roots[first], secondRoot: roots[count])
                        }
                    }
                }
            }
        }
        #expect(throws: MerkleProofError.self) { try prover.inclusion(of: 20, count: 20) }
        #expect(throws: MerkleProofError.self) { try prover.inclusion(of: 3, count: 32) }
        #expect(throws: MerkleProofError.self) { try prover.consistency(from: 3, to: 2) }
    }

    private static func changes(of path: [Digest], _ generator: inout SeededGenerator) -> [[Digest]] {
        var paths = [path + [.zero]]
        if !path.isEmpty {
            paths.append([Digest](path.dropLast()))
            var other = path
            other[Int.random(in: 0..<path.count, using: &generator)] = .blake2b256(generator.bytes(count: 8))
            paths.append(other)
        }
        return paths
    }

    @Test func aStoredFrontierContinuesTheVector() throws {
        var vector = HistoryVector()
        for entry in 0..<100 {
            vector = try HistoryVector.decode(vector.encoded())
            vector.append([UInt8(entry)])
        }
        #expect(vector.root == HistoryVector.root(of: (0..<100).map { [UInt8($0)] }))
        #expect(HistoryVector(count: 3, frontier: [.zero]) == nil)
        #expect(throws: CBORError.self) { try HistoryVector.decode([0x82, 0x03, 0x80]) }
    }
}
