/// The public keys whose signatures an operator accepts: every `*.pub` of a folder.
public struct TrustedKeys: Sendable {
    public let keys: [MinisignPublicKey]

    public init(keys: [MinisignPublicKey]) { self.keys = keys }

    /// No folder is no keys. A file that is no key is an error, so that a damaged key does not go unnoticed.
    public init(folder: String) throws(PluginError) {
        var keys: [MinisignPublicKey] = []
        for name in Files.list(folder) where name.hasSuffix(".pub") {
            let path = folder + "/" + name
            keys.append(try MinisignPublicKey(text: try Files.text(path, limit: 4096), file: path))
        }
        self.keys = keys
    }

    /// The key that made the signature over `message`.
    @discardableResult
    public func verify(_ message: [UInt8], signature text: String, file: String) throws(PluginError)
        -> MinisignPublicKey
    {
        let signature = try MinisignSignature(text: text, file: file)
        guard let key = keys.first(where: { $0.keyID == signature.keyID }) else {
            throw PluginError(
                .signature, plugin: file, call: "signature",
                "made by a key that is not trusted; put its .pub file into trusted-keys if you trust it")
        }
        try signature.verify(message, by: key, file: file)
        return key
    }
}
