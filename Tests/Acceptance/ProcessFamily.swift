import Glibc

/// A process and what it started, from `/proc`: for tests that kill.
struct ProcessFamily {
    let root: pid_t

    /// The children of the root that run now.
    var children: [pid_t] { Self.parents().filter { $0.value == root }.map(\.key).sorted() }

    /// The root and everything below it.
    var all: [pid_t] {
        let parents = Self.parents()
        var found = [root]
        var next = 0
        while next < found.count {
            found += parents.filter { $0.value == found[next] }.map(\.key)
            next += 1
        }
        return found
    }

    /// The members below the root that were started with exactly this argument: hosts of isolated plugins, say.
    func members(withArgument argument: String) -> [pid_t] {
        all.filter { $0 != root && Self.arguments(of: $0).contains(argument) }
    }

    /// Whether a process is there and has not ended; one that ended and was not waited for has.
    static func isRunning(_ identifier: pid_t) -> Bool {
        guard let state = status(of: identifier)?.first else { return false }
        return state != "Z" && state != "X"
    }

    private static func arguments(of identifier: pid_t) -> [String] {
        guard let file = fopen("/proc/\(identifier)/cmdline", "r") else { return [] }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = fread(&buffer, 1, buffer.count, file)
        return buffer[..<count].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The parent of each process.
    private static func parents() -> [pid_t: pid_t] {
        var parents: [pid_t: pid_t] = [:]
        guard let stream = opendir("/proc") else { return parents }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let identifier = pid_t(name), let parent = parent(of: identifier) else { continue }
            parents[identifier] = parent
        }
        return parents
    }

    private static func parent(of identifier: pid_t) -> pid_t? {
        let fields = status(of: identifier) ?? []
        return fields.count > 1 ? pid_t(fields[1]) : nil
    }

    /// The fields of `/proc/PID/stat` from the third, the state, on; the second, in parentheses, may hold anything.
    private static func status(of identifier: pid_t) -> [Substring]? {
        guard let file = fopen("/proc/\(identifier)/stat", "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1_024)
        let count = fread(&buffer, 1, buffer.count, file)
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
