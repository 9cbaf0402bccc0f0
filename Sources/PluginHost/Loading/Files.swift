import Glibc

/// Small files, read whole, with a limit. Any thread.
enum Files {
    static func bytes(_ path: String, limit: Int) throws(PluginError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault(path, "open", errno) }
        defer { close(descriptor) }
        return try bytes(descriptor, path: path, limit: limit)
    }

    static func bytes(_ descriptor: Int32, path: String, limit: Int) throws(PluginError) -> [UInt8] {
        var result: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &block, block.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw fault(path, "read", errno)
            }
            if count == 0 { return result }
            result.append(contentsOf: block[0..<count])
            guard result.count <= limit else {
                throw PluginError(.system, plugin: path, call: "read", "the file is longer than \(limit) bytes")
            }
        }
    }

    static func text(_ path: String, limit: Int) throws(PluginError) -> String {
        guard let text = String(validating: try bytes(path, limit: limit), as: UTF8.self) else {
            throw PluginError(.system, plugin: path, call: "read", "the file is not UTF-8")
        }
        return text
    }

    /// Writes beside the path, syncs and renames, so that a reader sees the old or the new file.
    static func write(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws(PluginError) {
        let temporary = "\(path).\(getpid()).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw fault(temporary, "open", errno) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let number = errno
                close(descriptor)
                unlink(temporary)
                throw fault(temporary, "write", number)
            }
            written += count
        }
        let synced = fsync(descriptor)
        let number = errno
        close(descriptor)
        guard synced == 0 else { throw fault(temporary, "sync", number) }
        guard rename(temporary, path) == 0 else { throw fault(path, "rename", errno) }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func makeFolder(_ path: String) throws(PluginError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + part
            if mkdir(path.hasPrefix("/") ? partial : String(partial.dropFirst()), 0o755) != 0 && errno != EEXIST {
                throw fault(partial, "make folder", errno)
            }
        }
    }

    /// Names in a folder, sorted; empty if there is none.
    static func list(_ folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func isFolder(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }

    /// Regular files below a folder, relative to it, sorted; links are not followed. Empty if there is no folder.
    static func tree(_ folder: String, depth: Int = 8) throws(PluginError) -> [String] {
        var files: [String] = []
        for name in list(folder) {
            let path = "\(folder)/\(name)"
            var information = stat()
            guard lstat(path, &information) == 0 else { throw fault(path, "stat", errno) }
            if information.st_mode & S_IFMT == S_IFREG { files.append(name) }
            guard information.st_mode & S_IFMT == S_IFDIR, depth > 0 else { continue }
            for file in try tree(path, depth: depth - 1) { files.append("\(name)/\(file)") }
        }
        return files.sorted()
    }

    /// Removes a folder of our own with all that is in it; links are removed, not followed.
    static func removeTree(_ folder: String) {
        for name in list(folder) {
            let path = "\(folder)/\(name)"
            if unlink(path) != 0 { removeTree(path) }
        }
        rmdir(folder)
    }

    static func fault(_ path: String, _ call: String, _ number: Int32) -> PluginError {
        PluginError(
            number == ENOENT ? .notFound : .system, plugin: path, call: call, String(cString: strerror(number)))
    }
}
