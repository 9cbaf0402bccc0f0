import Glibc
import Synchronization

/// How many bytes the objects of a folder take, and how many they may. Safe from any thread.
final class ObjectSpace: Sendable {
    let limitBytes: Int
    private let used: Mutex<Int>

    /// Counts what is in the folder's folders; what cannot be read counts as nothing.
    init(limitBytes: Int, folder: String) {
        self.limitBytes = limitBytes
        used = Mutex(DurableFile.names(in: folder).reduce(0) { $0 + Self.bytes(in: "\(folder)/\($1)") })
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

    var usedBytes: Int { used.withLock { $0 } }

    /// Does what removes or replaces a file, and gives back what that file took. One at a time, so that two writers of
    /// one object do not both count it.
    func freeing<Failure: Error>(_ place: String, _ body: () throws(Failure) -> Void) throws(Failure) {
        try used.withLock { (used) throws(Failure) in
            var status = stat()
            let bytes = lstat(place, &status) == 0 ? Int(status.st_size) : 0
            try body()
            used -= bytes
        }
    }

    private static func bytes(in folder: String) -> Int {
        DurableFile.names(in: folder).reduce(0) { sum, name in
            var status = stat()
            return lstat("\(folder)/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }

    /// Removes what writers left more than an hour ago, and answers how many bytes that were.
    @discardableResult
    static func tidy(_ folder: String) -> Int {
        var freed = 0
        let old = time(nil) - 3_600
        for part in DurableFile.names(in: folder) {
            for name in DurableFile.names(in: "\(folder)/\(part)") where name.hasSuffix(".partial") {
                var status = stat()
                let place = "\(folder)/\(part)/\(name)"
                if lstat(place, &status) == 0, status.st_mtim.tv_sec < old, unlink(place) == 0 {
                    freed += Int(status.st_size)
                }
            }
        }
        return freed
    }
}
