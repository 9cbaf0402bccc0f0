import Glibc
import Synchronization

/// How many bytes the objects of a folder take, and how many they may. Safe from any thread.
final class ObjectSpace: Sendable {
    let limitBytes: Int
    private let used: Mutex<Int>

    /// Counts what is in the folder's folders; what cannot be read counts as nothing.
    init(limitBytes: Int, folder: String) {
        self.limitBytes = limitBytes
        used = Mutex(Self.names(in: folder).reduce(0) { $0 + Self.bytes(in: "\(folder)/\($1)") })
    }

    /// False, and nothing taken, where the limit does not allow it.
    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes <= limitBytes - used else { return false }
            used += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) { used.withLock { $0 -= bytes } }

    private static func bytes(in folder: String) -> Int {
        names(in: folder).reduce(0) { sum, name in
            var status = stat()
            return lstat("\(folder)/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
