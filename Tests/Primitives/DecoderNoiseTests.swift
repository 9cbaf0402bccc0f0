import Primitives
import Testing

/// Every decoder, against values, random bytes and bytes near values: what is accepted encodes to the same bytes again,
/// and nothing ends the process.
@Suite struct DecoderNoiseTests {
    static let seeds: [UInt64] = [101, 102, 103]

    /// Feeds the decoder; returns how much of the noise it accepted.
    @discardableResult
    static func feed<Value: CBORCodable & Equatable>(
        _ values: [Value], _ generator: inout SeededGenerator, seed: UInt64
    ) -> Int {
        var accepted = 0
        for value in values {
            let encoded = value.encoded()
            #expect((try? Value.decode(encoded, maximumDepth: 32)) == value, "seed \(seed), \(Hex.encode(encoded))")
            for _ in 0..<10 {
                let noise =
                    Int.random(in: 0..<4, using: &generator) == 0
                    ? generator.bytes(upTo: 40) : generator.mutation(of: encoded)
                guard let decoded = try? Value.decode(noise, maximumDepth: 32) else { continue }
                accepted += 1
                #expect(decoded.encoded() == noise, "seed \(seed), \(Value.self), \(Hex.encode(noise))")
            }
        }
        return accepted
    }

    @Test(arguments: seeds)
    func valuesOfAnyShape(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let values = (0..<300).map { _ in generator.value() as CBORValue }
        #expect(DecoderNoiseTests.feed(values, &generator, seed: seed) > 100)
        // Skipping accepts exactly what reading accepts.
        for value in values {
            let noise = generator.mutation(of: value.encoded())
            let isRead = (try? CBORValue.decode(noise)) != nil
            let isSkipped =
                (try? CBORDecoder.read(noise) { (decoder) throws(CBORError) in try decoder.skip() }) != nil
            #expect(isRead == isSkipped, "seed \(seed), \(Hex.encode(noise))")
        }
    }

    @Test(arguments: seeds)
    func recordsOfThisRoom(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tree = StateTree()
        for _ in 0..<50 { try tree.put(generator.path(), generator.bytes(upTo: 20)) }
        var digests: [Digest] = []
        for _ in 0..<20 { digests.append(.blake2b256(generator.bytes(count: 4))) }
        let prover = MerkleVectorProver<BLAKE2bMerkleHash>(leafDigests: digests)
        var vector = HistoryVector()
        for digest in digests { vector.append(digest.bytes) }

        var (proofs, changes, accounts, amounts, links) = (
            [StateProof](), [StateChange](), [AccountID](), [Amount](), [CID]()
        )
        for _ in 0..<20 {
            proofs.append(tree.prove(generator.path()))
            proofs.append(tree.prove(prefix: [UInt8](generator.path().prefix(2))))
            changes += generator.changes(upTo: 3)
            accounts.append(.derived(module: "m", id: generator.bytes(upTo: 9)))
            amounts.append(Amount(baseUnits: UInt128(generator.next()) << UInt128(generator.next() % 64)))
            links.append(generator.contentIdentifier())
        }
        let inclusion = try (0..<20).map { try prover.inclusion(of: $0, count: 20) }
        let consistency = try (0..<20).map { try prover.consistency(from: $0, to: 20) }
        let signatures = digests.prefix(4).map { SecretKey.generate().sign($0.bytes) }

        DecoderNoiseTests.feed(proofs, &generator, seed: seed)
        DecoderNoiseTests.feed(changes, &generator, seed: seed)
        DecoderNoiseTests.feed(tree.scan(), &generator, seed: seed)
        DecoderNoiseTests.feed(accounts, &generator, seed: seed)
        DecoderNoiseTests.feed(amounts, &generator, seed: seed)
        DecoderNoiseTests.feed(links, &generator, seed: seed)
        DecoderNoiseTests.feed(digests, &generator, seed: seed)
        DecoderNoiseTests.feed(inclusion, &generator, seed: seed)
        DecoderNoiseTests.feed(consistency, &generator, seed: seed)
        DecoderNoiseTests.feed(signatures, &generator, seed: seed)
        DecoderNoiseTests.feed([vector], &generator, seed: seed)
        DecoderNoiseTests.feed([digests], &generator, seed: seed)
    }

    @Test(arguments: seeds)
    func textsAndBinaryIdentifiers(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let link = generator.contentIdentifier()
            let binary = generator.mutation(of: link.bytes)
            if let read = try? CID(bytes: binary) { #expect(read.bytes == binary, "seed \(seed)") }
            let text = String(decoding: generator.mutation(of: [UInt8](link.text.utf8)), as: UTF8.self)
            if let read = try? CID(text: text) { #expect(read.text == text, "seed \(seed)") }

            let kinds: [AccountID.Kind] = [.key, .multiSignature, .derived]
            let account = AccountID(kind: kinds.randomElement(using: &generator) ?? .key, payload: link.digest)
            let name = String(decoding: generator.mutation(of: [UInt8](account.text.utf8)), as: UTF8.self)
            if let read = try? AccountID(text: name) { #expect(read.text == name, "seed \(seed)") }
        }
    }
}
