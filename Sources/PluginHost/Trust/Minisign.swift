import CSodium
import Primitives

/// A minisign public key: two bytes of algorithm ("Ed"), an eight-byte key id, the Ed25519 key.
public struct MinisignPublicKey: Sendable, Hashable {
    public let keyID: [UInt8]
    public let key: PublicKey

    /// Reads a `.pub` file: an untrusted comment and a line of base64, or that line alone.
    public init(text: String, file: String) throws(PluginError) {
        func fault(_ message: String) -> PluginError {
            PluginError(.signature, plugin: file, call: "trusted key", message)
        }
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("untrusted comment:") }
        guard lines.count == 1, let bytes = Base64.decode(lines[0]), bytes.count == 42 else {
            throw fault("not a minisign public key")
        }
        guard bytes[0] == UInt8(ascii: "E"), bytes[1] == UInt8(ascii: "d") else { throw fault("unknown algorithm") }
        guard let key = PublicKey(bytes: bytes[10...]) else { throw fault("not an Ed25519 key") }
        keyID = Array(bytes[2..<10])
        self.key = key
    }

    /// The key id as minisign prints it: the bytes are a little-endian number.
    public var keyIDText: String { Hex.encode(keyID.reversed()).uppercased() }
}

/// A minisign signature file: format of minisign 0.11, both the legacy ("Ed") and the prehashed form ("ED").
public struct MinisignSignature: Sendable, Hashable {
    public let isPrehashed: Bool
    public let keyID: [UInt8]
    public let trustedComment: String
    let signature: Signature
    let globalSignature: Signature

    public init(text: String, file: String) throws(PluginError) {
        func fault(_ message: String) -> PluginError {
            PluginError(.signature, plugin: file, call: "signature", message)
        }
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        while lines.last?.isEmpty == true { lines.removeLast() }
        let prefix = "trusted comment: "
        guard lines.count == 4, lines[0].hasPrefix("untrusted comment:"), lines[2].hasPrefix(prefix) else {
            throw fault("not a minisign signature: four lines are expected")
        }
        guard let bytes = Base64.decode(lines[1]), bytes.count == 74 else { throw fault("the signature is malformed") }
        guard bytes[0] == UInt8(ascii: "E"), bytes[1] == UInt8(ascii: "d") || bytes[1] == UInt8(ascii: "D") else {
            throw fault("unknown algorithm")
        }
        guard let global = Base64.decode(lines[3]), let globalSignature = Signature(bytes: global),
            let signature = Signature(bytes: bytes[10...])
        else { throw fault("the signature of the comment is malformed") }
        isPrehashed = bytes[1] == UInt8(ascii: "D")
        keyID = Array(bytes[2..<10])
        trustedComment = String(lines[2].dropFirst(prefix.count))
        self.signature = signature
        self.globalSignature = globalSignature
    }

    /// Checks the signature over `message` and the one over signature and trusted comment. Both must hold.
    public func verify(_ message: [UInt8], by key: MinisignPublicKey, file: String) throws(PluginError) {
        guard keyID == key.keyID else {
            throw PluginError(.signature, plugin: file, call: "signature", "made by another key")
        }
        let signed = isPrehashed ? Self.blake2b512(message) : message
        guard key.key.isValid(signature, for: signed) else {
            throw PluginError(.signature, plugin: file, call: "signature", "the signature does not match the file")
        }
        guard key.key.isValid(globalSignature, for: signature.bytes + Array(trustedComment.utf8)) else {
            throw PluginError(.signature, plugin: file, call: "signature", "the trusted comment was changed")
        }
    }

    private static func blake2b512(_ message: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: 64)
        _ = crypto_generichash(&hash, 64, message, UInt64(message.count), nil, 0)
        return hash
    }
}

/// Base64 with padding (RFC 4648, section 4), strict: what libsodium's standard variant takes.
enum Base64 {
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let characters = Array(text.utf8)
        var output = [UInt8](repeating: 0, count: characters.count)
        var count = 0
        let status = characters.withUnsafeBytes { raw in
            sodium_base642bin(
                &output, output.count, raw.bindMemory(to: CChar.self).baseAddress, raw.count, nil, &count, nil,
                sodium_base64_VARIANT_ORIGINAL)
        }
        return status == 0 ? Array(output.prefix(count)) : nil
    }
}
