import Glibc
import Node
import Primitives

/// A folder whose files are made by one command that may be killed at any moment: a mark stands in it until the last
/// file does, and whoever runs the command again goes on from what is there. Keys that exist are kept, never
/// overwritten.
struct UnfinishedFolder {
    let root: String
    /// The file that is written last: with it the folder is whole.
    let last: String

    private var mark: String { "\(root)/init.unfinished" }

    /// Makes the folder, unless it holds one of the files and no mark says that they are an earlier attempt's.
    func begin(mode: mode_t, others: [String], hint: String) throws {
        let isWhole = DurableFile.exists("\(root)/\(last)")
        if isWhole || !DurableFile.exists(mark),
            let existing = ([last] + others).first(where: { DurableFile.exists("\(root)/\($0)") })
        {
            throw CommandFailure(.exists, "\(root)/\(existing) exists already", hint: hint)
        }
        try DurableFile.makeFolder(root, mode: mode)
        try DurableFile.replace(mark, with: Array("`vinculum init` has not finished here: run it again\n".utf8))
        try DurableFile.makeFolder("\(root)/keys", mode: 0o700)
    }

    /// The key of an earlier attempt, or a new one.
    func key(_ name: String) throws -> SecretKey {
        let path = "\(root)/keys/\(name).key"
        if DurableFile.exists(path) { return try SecretKey.load(from: path) }
        let key = SecretKey.generate()
        try key.save(to: path)
        return key
    }

    func finish(_ text: String) throws {
        try DurableFile.replace("\(root)/\(last)", with: Array(text.utf8))
        unlink(mark)
    }
}
