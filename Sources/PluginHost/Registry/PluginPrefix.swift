import Glibc

/// Where this program is installed.
public enum PluginPrefix {
    /// `VINCULUM_PREFIX`, or the parent of the folder that holds the program (`PREFIX/bin/vinculum`).
    public static func current() throws(PluginError) -> String {
        if let named = getenv("VINCULUM_PREFIX") {
            let path = String(cString: named)
            guard path.hasPrefix("/") else {
                throw PluginError(.system, plugin: path, call: "VINCULUM_PREFIX", "must be an absolute path")
            }
            return path
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { raw in
            raw.bindMemory(to: CChar.self).baseAddress.map { readlink("/proc/self/exe", $0, raw.count) } ?? -1
        }
        guard count > 0 else { throw Files.fault("/proc/self/exe", "readlink", errno) }
        let path = String(decoding: buffer[0..<count], as: UTF8.self)
        let parts = path.split(separator: "/").dropLast(2)
        return "/" + parts.joined(separator: "/")
    }
}
