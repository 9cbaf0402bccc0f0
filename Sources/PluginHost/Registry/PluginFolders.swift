/// Where plugins are installed: see `Plugins/README.md`.
public struct PluginFolders: Sendable, Hashable {
    /// The libraries.
    public var libraries: String
    /// Manifests and their signatures.
    public var available: String
    /// Links to the manifests that the operator has enabled.
    public var enabled: String
    public var trustedKeys: String
    /// Version and signer of each plugin as it was enabled last.
    public var versions: String

    public init(libraries: String, available: String, enabled: String, trustedKeys: String, versions: String) {
        self.libraries = libraries
        self.available = available
        self.enabled = enabled
        self.trustedKeys = trustedKeys
        self.versions = versions
    }

    /// The folders below a prefix; for `/usr` configuration and state are in `/etc` and `/var`.
    public init(prefix: String) {
        let base = prefix == "/usr" ? "" : prefix
        self.init(
            libraries: "\(prefix)/lib/vinculum/plugins", available: "\(base)/etc/vinculum/plugins-available",
            enabled: "\(base)/etc/vinculum/plugins-enabled", trustedKeys: "\(base)/etc/vinculum/trusted-keys",
            versions: "\(base)/var/lib/vinculum/plugin-versions")
    }
}
