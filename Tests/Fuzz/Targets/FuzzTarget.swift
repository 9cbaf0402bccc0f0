import Primitives

/// What an input has shown that must never be: a property that does not hold. A trap or a sanitizer's report needs no
/// words.
package struct FuzzFinding: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// One thing that takes bytes from outside. Whatever the bytes are, `run` returns, or throws what it has found.
package struct FuzzTarget: Sendable {
    package let name: String
    /// Real values, encoded by the program itself.
    package let seeds: @Sendable () throws -> [[UInt8]]
    package let run: @Sendable ([UInt8]) throws(FuzzFinding) -> Void

    package init(
        _ name: String, seeds: @escaping @Sendable () throws -> [[UInt8]],
        run: @escaping @Sendable ([UInt8]) throws(FuzzFinding) -> Void
    ) {
        self.name = name
        self.seeds = seeds
        self.run = run
    }
}

/// Targets that are fuzzed together: the first byte of an input says which.
package struct FuzzGroup: Sendable {
    package let name: String
    package let summary: String
    package let targets: [FuzzTarget]
    /// The longest input that is tried, in bytes.
    package let lengthLimit: Int
    /// Words of the format, so that the fuzzer need not guess them.
    package let words: [String]

    package init(
        _ name: String, _ summary: String, lengthLimit: Int = 4_096, words: [String] = [], targets: [FuzzTarget]
    ) {
        self.name = name
        self.summary = summary
        self.targets = targets
        self.lengthLimit = lengthLimit
        self.words = words
    }

    package func target(of input: [UInt8]) -> FuzzTarget? {
        input.first.map { targets[Int($0) % targets.count] }
    }

    package func run(_ input: [UInt8]) throws(FuzzFinding) {
        guard let target = target(of: input) else { return }
        do throws(FuzzFinding) { try target.run(Array(input.dropFirst())) } catch {
            throw FuzzFinding("\(name), \(target.name): \(error)")
        }
    }

    /// Inputs to begin with, each with a name for its file.
    package func corpus() throws -> [(name: String, input: [UInt8])] {
        var corpus: [(name: String, input: [UInt8])] = []
        for (index, target) in targets.enumerated() {
            let file = String(target.name.map { $0.isLetter || $0.isNumber ? $0 : "-" })
            for (number, seed) in try target.seeds().enumerated() {
                corpus.append(("\(file)-\(number)", [UInt8(index)] + seed))
            }
        }
        return corpus
    }
}

/// Takes an input apart from its front; at the end there are zeros.
package struct FuzzReader {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    package var isEmpty: Bool { rest.isEmpty }
    package mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }
    package mutating func word() -> Int { Int(byte()) << 8 | Int(byte()) }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}

extension FuzzTarget {
    /// A record of DAG-CBOR: what decodes encodes to the same bytes, so that a value has one encoding only.
    static func record<Value: CBORCodable & SendableMetatype>(_ type: Value.Type, seeds: [Value] = []) -> FuzzTarget {
        let encoded = seeds.map { $0.encoded() }
        let seeds: @Sendable () throws -> [[UInt8]] = { encoded + RecordPool.shared.fitting(type) }
        return FuzzTarget("\(type)", seeds: seeds) { bytes throws(FuzzFinding) in
            guard let value = try? Value.decode(bytes) else { return }
            guard value.encoded() == bytes else { throw FuzzFinding("decodes, and encodes to other bytes") }
        }
    }
}
