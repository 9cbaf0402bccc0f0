import Glibc

/// The folder of links that is the operator's choice.
struct EnabledLinks {
    let folder: String

    func add(_ name: String) throws(PluginError) {
        try Files.makeFolder(folder)
        let link = "\(folder)/\(name).toml"
        guard symlink("../plugins-available/\(name).toml", link) == 0 || errno == EEXIST else {
            throw Files.fault(link, "link", errno)
        }
    }

    /// Whether there is a link, wherever it leads.
    func contains(_ name: String) -> Bool {
        var information = stat()
        return lstat("\(folder)/\(name).toml", &information) == 0
    }

    func remove(_ name: String) throws(PluginError) {
        let link = "\(folder)/\(name).toml"
        guard unlink(link) == 0 || errno == ENOENT else { throw Files.fault(link, "unlink", errno) }
    }
}
