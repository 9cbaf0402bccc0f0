import Glibc
import Node

/// Where the parts of an installed Vinculum lie, found from the running program: `PREFIX/bin/vinculum`.
struct Installation: Sendable {
    /// The path of this program.
    let executable: String
    let trainer: String
    let pluginFolder: String
    /// Nil: the configuration's default.
    let trustedKeysFolder: String?
    /// The small data set that ships with the source.
    let digits: String

    static func current() throws(FileError) -> Installation {
        guard let path = realpath("/proc/self/exe", nil) else {
            throw FileError(operation: "realpath", path: "/proc/self/exe", code: errno)
        }
        defer { free(path) }
        let settings = InstallPrefix.configurationFolder
        let keys = "\(settings)/trusted-keys"
        return Installation(
            executable: String(cString: path), trainer: ConfigurationFiles.shippedTrainer,
            pluginFolder: InstallPrefix.pluginFolder,
            trustedKeysFolder: DurableFile.exists(keys) ? keys : nil,
            digits: "\(settings)/data/digits.safetensors")
    }
}
