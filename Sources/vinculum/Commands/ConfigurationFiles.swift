import Glibc
import Node
import NodeAPI
import Primitives

/// Reads the configuration files of commands: the file, then the environment on top of it.
enum ConfigurationFiles {
    static func node(_ path: String) throws -> NodeConfiguration {
        let path = absolutePath(path, from: currentFolder)
        let resolved = try ResolvedConfiguration(
            schema: NodeConfiguration.schema, text: try text(path), file: path, environment: environment)
        return NodeConfiguration(resolved: resolved, baseFolder: folder(of: path))
    }

    static func site(_ path: String) throws -> SitePolicy {
        let path = absolutePath(path, from: currentFolder)
        return try SitePolicy(
            text: try text(path), file: path, baseFolder: folder(of: path), environment: environment)
    }

    /// The nodes that a site's policy names, in its order.
    static func client(of policy: SitePolicy) throws -> NodeClient {
        guard !policy.nodes.isEmpty else {
            throw ServiceError(.malformed, "names no node", hint: "give the address of one", field: "site.nodes")
        }
        let tokens = try policy.tokenFiles.map { path in try path.map { path in try BearerToken.load(from: path) } }
        return NodeClient(preferring: try policy.nodes.map { try NodeAddress($0) }, tokens: tokens)
    }

    /// The plugins that are installed beside this program, as its own configuration folder trusts them.
    static var installedPlugins: PluginCatalogue {
        PluginCatalogue(
            folder: InstallPrefix.pluginFolder, trustedKeysFolder: "\(InstallPrefix.configurationFolder)/trusted-keys",
            allowedUnsigned: [])
    }

    /// `PREFIX/lib/vinculum/vinculum-trainer`, beside this program's folder.
    static var shippedTrainer: String { "\(prefix)/lib/vinculum/vinculum-trainer" }

    /// What policies and jobs know the shipped trainer by.
    static var shippedTrainerDigest: Digest {
        get throws { Digest.blake2b256(try DurableFile.read(shippedTrainer, limitBytes: 1 << 30)) }
    }

    /// Where this program is installed.
    static var prefix: String { InstallPrefix.path }

    private static var environment: [String: String] { ProcessEnvironment.variables }

    private static func text(_ path: String) throws -> String {
        try readText(path)
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
