import PeerNetwork
import Primitives
import Testing

/// Vectors from the peer-ids specification of libp2p (CC BY-SA 3.0, test vectors are facts).
@Suite("PeerID")
struct PeerIDTests {
    @Test("is the published one for the published key")
    func publishedVector() throws {
        let encoded = try Hex.decode("080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
        let key = try #require(try LibP2PKey(encoded).ed25519)
        #expect(LibP2PKey(key).bytes == encoded)
        #expect(PeerID(key).publicKey == key)
        #expect(PeerID(key).bytes == [0, 36] + encoded)
    }

    @Test("reads the three ways in which the specification writes ids")
    func reads() throws {
        let inline = try PeerID(text: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
        #expect(inline.description == "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
        #expect(inline.publicKey != nil)
        let hashed = try PeerID(text: "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")
        #expect(hashed.publicKey == nil)
        #expect(
            try PeerID(text: "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe") == hashed,
            "base 32 of a CID names the same peer")
    }

    @Test(
        "refuses what is no id, and says why",
        arguments: [
            ("", FormatError.Code.wrongPrefix), ("12D3KooW0", .invalidCharacter), ("Qm", .wrongLength),
            ("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", .wrongPrefix),
        ])
    func refuses(text: String, code: FormatError.Code) {
        let error = #expect(throws: FormatError.self) { try PeerID(text: text) }
        #expect(error?.code == code, "\(text): \(error.map(String.init(describing:)) ?? "accepted")")
    }
}
