import Glibc

extension DurableFile {
    /// Removes a folder with what is in it; a link is removed, and what it points to is not. Far deeper than any task
    /// has a reason to go, the rest stays.
    public static func removeTree(_ folder: String) {
        removeTree(folder, depth: 0)
    }

    private static func removeTree(_ folder: String, depth: Int) {
        for name in names(in: folder) {
            let place = "\(folder)/\(name)"
            var status = stat()
            guard lstat(place, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR, depth < 64 {
                removeTree(place, depth: depth + 1)
            } else {
                unlink(place)
            }
        }
        rmdir(folder)
    }
}
