import Glibc
import Primitives
import TestSupport
import Testing

/// Random values to and from the Python libraries `dag-cbor` and `multiformats` (MIT), which share no code with this
/// one.
@Suite struct PeerTests {
    static let python = getenv("VINCULUM_PEERS_PYTHON").map { String(cString: $0) }

    /// Reads lines of a kind and hexadecimal digits; writes them as the libraries understand them. Then writes values
    /// of its own.
    static let script = """
        import random, sys
        import dag_cbor
        from multiformats import CID, multibase, multihash
        for line in open(sys.argv[1]):
            kind, digits = line.rstrip("\\n").split(" ")
            data = bytes.fromhex(digits)
            if kind == "value":
                print(dag_cbor.encode(dag_cbor.decode(data)).hex())
            elif kind == "cid":
                print(CID.decode(data).encode("base32"))
            else:
                print(multibase.encode(data, kind))
        source = random.Random(int(sys.argv[2]))
        def value(depth):
            kind = source.randrange(10 if depth else 7)
            if kind == 0: return source.getrandbits(source.randrange(65))
            if kind == 1: return -1 - source.getrandbits(source.randrange(65))
            if kind == 2: return source.randbytes(source.randrange(300))
            if kind == 3: return "".join(source.choices("az09 \\u00e9\\u6c34\\U0001f600", k=source.randrange(40)))
            if kind == 4: return source.choice([True, False, None])
            if kind == 5: return source.uniform(-1e9, 1e9)
            if kind == 6:
                name = source.choice(["blake2b-256", "sha2-256"])
                digest = multihash.digest(source.randbytes(8), name)
                return CID("base32", 1, source.choice(["raw", "dag-cbor"]), digest)
            if kind == 7: return [value(depth - 1) for _ in range(source.randrange(6))]
            return {str(source.getrandbits(source.randrange(30))): value(depth - 1) for _ in range(source.randrange(6))}
        for _ in range(int(sys.argv[3])):
            print(dag_cbor.encode(value(4)).hex())
        """

    @Test(
        "agree with the Python libraries in both directions",
        .enabled(if: python != nil, "VINCULUM_PEERS_PYTHON names no interpreter with dag-cbor and multiformats"),
        arguments: [7, 8] as [UInt64])
    func agree(seed: UInt64) throws {
        let python = try #require(PeerTests.python)
        var generator = SeededGenerator(seed: seed)
        var input = ""
        var expected: [String] = []
        for _ in 0..<400 {
            let encoded = (generator.value() as CBORValue).encoded()
            input += "value \(Hex.encode(encoded))\n"
            expected.append(Hex.encode(encoded))
            let link = generator.contentIdentifier()
            input += "cid \(Hex.encode(link.bytes))\n"
            expected.append(link.text)
            let bytes = generator.bytes(count: Int.random(in: 1...60, using: &generator))
            for (name, base) in [("base58btc", Multibase.base58btc), ("base64url", .base64url), ("base32", .base32)] {
                input += "\(name) \(Hex.encode(bytes))\n"
                expected.append(base.encode(bytes))
            }
        }
        let folder = try TemporaryFolder()
        let file = try folder.write("input", input)
        let count = 400
        let result = try Command(
            python, ["-c", PeerTests.script, file, "\(seed)", "\(count)"]
        ).run()
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        try #require(lines.count == expected.count + count)
        for (line, wanted) in zip(lines, expected) { #expect(line == wanted, "seed \(seed)") }
        for line in lines.suffix(count) {
            let bytes = try Hex.decode(line)
            #expect(try CBORValue.decode(bytes).encoded() == bytes, "seed \(seed), \(line)")
        }
    }
}
