import Glibc
import Primitives
import Testing

/// The DAG-CBOR fixtures of IPLD, all of them, in the bytes that its other implementations exchange.
@Suite struct FixtureTests {
    struct Fixture: CustomTestStringConvertible {
        let name: String
        let id: String
        let bytes: [UInt8]

        var testDescription: String { name }
    }

    /// The file lies beside this one; its first lines say where it comes from.
    static let all: [Fixture] = {
        let path = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/Fixtures/dag-cbor.txt"
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { text += buffer[..<count] }
        var found: [(head: Substring, digits: String)] = []
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix(" ") {
                found[found.count - 1].digits += line.dropFirst()
            } else {
                found.append((line, "u"))
            }
        }
        return found.compactMap { head, digits in
            let parts = head.split(separator: " ")
            guard let bytes = try? Multibase.decode(digits).bytes, parts.count == 2 else { return nil }
            return Fixture(name: String(parts[0]), id: String(parts[1]), bytes: bytes)
        }
    }()

    /// Expected refusals, and why. There is one: what IPLD itself says is no DAG-CBOR.
    static let refused: [String: CBORError.Code] = ["malformed-duplicate-map-keys": .keysOutOfOrder]

    @Test func theFileIsWhole() {
        #expect(Self.all.count == 126)
        #expect(Set(Self.all.map(\.name)).count == Self.all.count)
        #expect(Set(Self.refused.keys).isSubset(of: Self.all.map(\.name)))
    }

    @Test(arguments: all)
    func aFixtureIsReadAndWrittenToTheSameBytes(fixture: Fixture) throws {
        if let code = Self.refused[fixture.name] {
            let error = #expect(throws: CBORError.self) { try CBORValue(encoded: fixture.bytes) }
            #expect(error?.code == code)
            return
        }
        let value = try CBORValue(encoded: fixture.bytes)
        #expect(value.encoded() == fixture.bytes)
        let id = try CID(text: fixture.id)
        #expect(id == CID(codec: .dagCBOR, hashFunction: .sha256, digest: .sha256(fixture.bytes)))
        #expect(id.matches(fixture.bytes))
        // Nothing in them is deeper than records of this system may be.
        try CBORDecoder.read(fixture.bytes) { (decoder) throws(CBORError) in try decoder.skip() }
    }

    /// A record names only content that can be checked: a link of another codec or hash is refused by its type.
    @Test func linksOfRecordsAreOfOurCodecsAndHashes() throws {
        let links = Self.all.filter { $0.bytes.starts(with: [0xd8, 0x2a]) }
        var foreign = 0
        for fixture in links {
            guard case .foreignLink(let link) = try CBORValue(encoded: fixture.bytes) else {
                #expect(try CID.decode(fixture.bytes).encoded() == fixture.bytes)
                continue
            }
            foreign += 1
            #expect(throws: CBORError.self) { try CID.decode(fixture.bytes) }
            #expect(throws: FormatError.self) { try CID(bytes: link.bytes) }
            // The fixture is named for the text of its link.
            #expect(fixture.name.hasSuffix(link.text) || fixture.name.hasPrefix("cid-z"), "\(link.text)")
        }
        #expect(foreign == 11 && links.count == 16)
    }

    @Test func linksThatAreNoIdentifiersAreRefused() {
        let digest = [UInt8](repeating: 7, count: 32)
        let wrong: [[UInt8]] = [
            [], [1], [2, 0x71, 0x12, 32] + digest, [1, 0x71, 0x12, 31] + digest,
            [1, 0x71, 0x12, 31] + digest.dropLast(),
            [1, 0x70, 0x12, 33] + digest, [1, 0x70, 0x92, 0x00, 32] + digest, [0x12, 0x20] + digest + [0],
        ]
        for bytes in wrong {
            let content = [0] + bytes
            let encoded: [UInt8] = [0xd8, 0x2a, 0x58, UInt8(content.count)] + content
            let short: [UInt8] = [0xd8, 0x2a, 0x40 | UInt8(content.count)] + content
            #expect(throws: CBORError.self) { try CBORValue(encoded: content.count < 24 ? short : encoded) }
        }
    }

    @Test(arguments: all)
    func noByteCanBeAddedOrLeftOut(fixture: Fixture) {
        #expect(throws: CBORError.self) { try CBORValue(encoded: fixture.bytes + [0]) }
        #expect(throws: CBORError.self) { try CBORValue(encoded: [UInt8](fixture.bytes.dropLast())) }
    }
}
