import Glibc

/// The files of one task: inputs that only the task's user may read, and a place for its output. Removed after the
/// task. One that serves finds its inputs written anew for each request.
///
/// A runtime that is root runs tasks as another user. That user must reach the inputs, so the folders above may be
/// passed through but not listed, and the task's own folder belongs to it alone.
struct TaskFolder: Sendable {
    let path: String
    private let taskUser: UInt32
    private(set) var inputs: [(name: String, path: String)] = []

    var output: String { "\(path)/out" }
    var input: String { "\(path)/in" }

    /// Makes the folder anew; what an earlier life left in it is gone.
    init(below parent: String, name: String, taskUser: UInt32) throws(FileError) {
        path = "\(parent)/\(name)"
        self.taskUser = taskUser
        try DurableFile.makeFolder(parent, mode: 0o711)
        remove()
        for folder in [path, "\(path)/in", "\(path)/out"] {
            try DurableFile.makeFolder(folder, mode: 0o700)
            try hand(over: folder)
        }
    }

    /// Puts an input in place; one that `replace` may write again can be written by its owner. Not synced: after a
    /// crash the folder is made anew.
    mutating func add(_ name: String, _ bytes: [UInt8], isReplaced: Bool = false) throws(FileError) {
        let place = "\(path)/in/\(name)"
        try DurableFile.writeFresh(bytes, to: place, mode: isReplaced ? 0o600 : 0o400)
        try hand(over: place)
        inputs.append((name, place))
    }

    /// Puts other bytes in an input's place, between two requests of a task that serves.
    func replace(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try DurableFile.overwrite("\(input)/\(name)", with: bytes)
    }

    /// A file that the task has left: bytes of its own, not a link to those of others.
    func result(_ name: String, limitBytes: Int = 1 << 32) throws(FileError) -> [UInt8] {
        try DurableFile.read("\(output)/\(name)", limitBytes: limitBytes, followsLinks: false)
    }

    /// As `result`, and the file is empty afterwards: what it held is in nobody's way and on no disk.
    func takeResult(_ name: String, limitBytes: Int = 1 << 32) throws(FileError) -> [UInt8] {
        let bytes = try result(name, limitBytes: limitBytes)
        try DurableFile.overwrite("\(output)/\(name)", with: [])
        return bytes
    }

    func remove() {
        DurableFile.removeTree(path)
    }

    /// Gives a file or folder to the task's user, where this process may: as anybody but root, both are the same user.
    private func hand(over place: String) throws(FileError) {
        guard geteuid() == 0 else { return }
        guard chown(place, taskUser, taskUser) == 0 else {
            throw FileError(operation: "chown", path: place, code: errno)
        }
    }
}
