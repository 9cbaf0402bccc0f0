import Node
import PluginHost
import Primitives

extension FuzzGroups {
    /// Files that people write.
    package static let configuration = FuzzGroup(
        "configuration", "node, site and job TOML, plugin manifests, minisign keys and signatures",
        lengthLimit: 8_192,
        words: [
            "[", "]", "[[", "]]", "[api]", "[plugin.a]", " = ", "\"\"\"", "'''", "true", "1e9", "0x", "inf", "nan",
            "1979-05-27T07:32:00Z", "{", "}", "\\u0000", "untrusted comment: ", "trusted comment: ",
        ],
        targets: [
            configurationFile("node.toml", NodeConfiguration.schema) { text throws(ConfigurationError) in
                _ = try NodeConfiguration(
                    resolved: ResolvedConfiguration(schema: NodeConfiguration.schema, text: text, file: "node.toml"),
                    baseFolder: "/"
                ).unixSocket
            },
            configurationFile("site.toml", SitePolicy.schema) { text throws(ConfigurationError) in
                _ = try SitePolicy(text: text, file: "site.toml", baseFolder: "/")
            },
            configurationFile("job.toml", JobFile.schema) { text throws(ConfigurationError) in
                let job = try JobFile(text: text, file: "job.toml")
                _ = (job.payment, job.deadlines, job.guarantee)
            },
            manifest, publicKey, signature,
        ])

    private static func configurationFile(
        _ name: String, _ schema: ConfigurationSchema,
        read: @escaping @Sendable (String) throws(ConfigurationError) -> Void
    ) -> FuzzTarget {
        FuzzTarget(
            name,
            seeds: {
                [
                    Array(schema.documentedFile().utf8), [],
                    Array("[node]\nrole = 3\n[[a]]\nb = {}\nc = [{d = [1]}]".utf8),
                ]
            },
            run: { bytes throws(FuzzFinding) in
                guard let text = String(validating: bytes, as: UTF8.self) else { return }
                do throws(ConfigurationError) { try read(text) } catch {
                    // A person has to be told what is wrong, and where.
                    guard !error.problems.isEmpty, error.description.contains(name) else {
                        throw FuzzFinding("a refusal without a reason or a place: \(error)")
                    }
                }
            })
    }

    static let manifestText = """
        manifest = 1
        id = "org.example.a"
        name = "a"
        kind = "vin.privacy/1"
        version = "0.1.0"
        summary = "b"
        vendor = "c"
        licence = "Apache-2.0"
        library = "liba.so"
        sha256 = ""
        language = "c"
        [abi]
        major = 1
        minor = 0
        [host]
        services = ["log"]
        [relations]
        requires = []
        [configuration.interval_ms]
        type = "integer"
        default = 200
        minimum = 10
        summary = "d"
        [configuration.mode]
        type = "text"
        choices = ["a", "b"]
        default = "a"
        summary = "e"
        [conformance]
        "answer.0" = "00"
        """

    private static let manifest = FuzzTarget(
        "plugin manifest", seeds: { [Array(manifestText.utf8)] },
        run: { bytes throws(FuzzFinding) in
            guard let text = String(validating: bytes, as: UTF8.self),
                let manifest = try? Manifest(text: text, file: "plugin.toml")
            else { return }
            _ = try? manifest.checkHost()
            guard !manifest.library.contains("/"), !manifest.name.isEmpty else {
                throw FuzzFinding("a manifest names a file outside its folder")
            }
        })

    /// A key and a signature over the message "a", in the formats of minisign 0.11.
    static let minisign: (key: String, signature: String) = {
        let key = RecordPool.validator
        let id: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        let signature = key.sign([97])
        let global = key.sign(signature.bytes + Array("b".utf8))
        let head: [UInt8] = [UInt8(ascii: "E"), UInt8(ascii: "d")]
        return (
            "untrusted comment: a\n\(base64(head + id + key.publicKey.bytes))\n",
            "untrusted comment: a\n\(base64(head + id + signature.bytes))\n"
                + "trusted comment: b\n\(base64(global.bytes))\n"
        )
    }()

    private static let publicKey = FuzzTarget(
        "minisign key", seeds: { [Array(minisign.key.utf8)] },
        run: { bytes throws(FuzzFinding) in
            guard let text = String(validating: bytes, as: UTF8.self) else { return }
            _ = try? MinisignPublicKey(text: text, file: "a.pub")
        })

    private static let signature = FuzzTarget(
        "minisign signature", seeds: { [Array(minisign.signature.utf8)] },
        run: { bytes throws(FuzzFinding) in
            guard let text = String(validating: bytes, as: UTF8.self),
                let signature = try? MinisignSignature(text: text, file: "a.minisig"),
                let key = try? MinisignPublicKey(text: minisign.key, file: "a.pub")
            else { return }
            guard (try? signature.verify([98], by: key, file: "a")) == nil else {
                throw FuzzFinding("a signature holds for bytes that nobody signed")
            }
            guard (try? signature.verify([97], by: key, file: "a")) == nil || signature.trustedComment == "b" else {
                throw FuzzFinding("a changed comment is trusted")
            }
        })

    private static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? digits[word >> (18 - 6 * place) & 63] : "=")
            }
        }
        return text
    }
}
