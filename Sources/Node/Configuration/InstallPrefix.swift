import Glibc

/// Where this program is installed: `/usr` from a Debian package, the staging folder in development.
public enum InstallPrefix {
    /// `VINCULUM_PREFIX`, else the parent of the folder that holds the program.
    public static var path: String {
        if let given = getenv("VINCULUM_PREFIX"), given[0] != 0 {
            return absolutePath(String(cString: given), from: currentFolder)
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            guard let place = bytes.bindMemory(to: CChar.self).baseAddress else { return -1 }
            return readlink("/proc/self/exe", place, bytes.count)
        }
        guard count > 0 else { return "/usr" }
        let parts = buffer.prefix(count).split(separator: UInt8(ascii: "/")).dropLast(2)
        return parts.map { "/" + String(decoding: $0, as: UTF8.self) }.joined()
    }

    public static var pluginFolder: String { "\(path)/lib/vinculum/plugins" }

    /// `/etc/vinculum` for what lives below `/usr`, `PREFIX/etc/vinculum` otherwise.
    public static var configurationFolder: String { path == "/usr" ? "/etc/vinculum" : "\(path)/etc/vinculum" }
}
