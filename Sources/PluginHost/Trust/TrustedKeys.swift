/// The public keys whose signatures an operator accepts: every `*.pub` of a folder.
///
/// A file named `vinculum-*.pub` or `development.pub` holds a key of the project itself; every other one is another
/// signer's, whose plugins run in a process of their own. The name is the operator's statement: only who may write to
/// the folder can make it.
public struct TrustedKeys: Sendable {
    public let keys: [MinisignPublicKey]
    /// Those of `keys` that are the project's own.
    public let projectKeys: Set<MinisignPublicKey>

    public init(keys: [MinisignPublicKey], projectKeys: Set<MinisignPublicKey> = []) {
        self.keys = keys
        self.projectKeys = projectKeys
    }

    static func isProjectKey(file name: String) -> Bool {
        name == "development.pub" || (name.hasPrefix("vinculum-") && name.hasSuffix(".pub"))
    }

    /// No folder is no keys. A file that is no key is an error, so that a damaged key does not go unnoticed.
    public init(folder: String) throws(PluginError) {
        var keys: [MinisignPublicKey] = []
        var projectKeys: Set<MinisignPublicKey> = []
        for name in Files.list(folder) where name.hasSuffix(".pub") {
            let path = folder + "/" + name
            let key = try MinisignPublicKey(text: try Files.text(path, limit: 4096), file: path)
            keys.append(key)
            if Self.isProjectKey(file: name) { projectKeys.insert(key) }
        }
        self.init(keys: keys, projectKeys: projectKeys)
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
