import ArgumentParser
import Node

/// How a node reaches the etcd cluster that orders its chain's blocks. The operator's own affair: nothing of it is in
/// the genesis.
struct EtcdOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A member of the etcd cluster, for --consensus etcd; may be given again (plugin setting endpoints).",
            valueName: "url"))
    var etcdEndpoint: [String] = []
    @Option(help: ArgumentHelp("Certificates that the cluster's are signed by, PEM.", valueName: "file"))
    var etcdCa: String?
    @Option(help: ArgumentHelp("This node's certificate for the cluster, PEM.", valueName: "file"))
    var etcdCertificate: String?
    @Option(help: ArgumentHelp("The key of that certificate, PEM.", valueName: "file"))
    var etcdKey: String?
    @Option(help: ArgumentHelp("User of the cluster.", valueName: "name"))
    var etcdUser: String?
    @Option(help: ArgumentHelp("A file with that user's password.", valueName: "file"))
    var etcdPasswordFile: String?

    static let plugin = "org.vinculum.consensus-etcd"

    /// The plugin's own table of node.toml; empty where nothing was given.
    ///
    /// - Parameter mayChange: whether the chain may come to another engine than this one.
    func table(engine: String, mayChange: Bool) throws -> String {
        let texts = [
            ("endpoints", etcdEndpoint.isEmpty ? nil : etcdEndpoint.joined(separator: ",")), ("user", etcdUser),
        ]
        let files = [
            ("ca_file", etcdCa), ("certificate_file", etcdCertificate), ("key_file", etcdKey),
            ("password_file", etcdPasswordFile),
        ]
        var lines: [String] = []
        for case (let key, let value?) in texts { lines.append("\(key) = \(ConfigurationValue.text(value).tomlText)") }
        for case (let key, let value?) in files {
            // The node may be started from anywhere.
            let path = absolutePath(value, from: currentFolder)
            lines.append("\(key) = \(ConfigurationValue.text(path).tomlText)")
        }
        guard !lines.isEmpty else { return "" }
        guard engine == Self.plugin || mayChange else {
            throw ValidationError("--etcd options are for a chain with --consensus etcd; this one has \(engine)")
        }
        return "\n# How this node reaches the etcd cluster that orders the blocks.\n[plugin.\"\(Self.plugin)\"]\n"
            + lines.joined(separator: "\n") + "\n"
    }
}
