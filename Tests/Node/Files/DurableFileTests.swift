import Glibc
import TestSupport
import Testing

@testable import Node

@Suite("Files are whole: the old content or the new one")
struct DurableFileTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path("file") }

    init() throws { folder = try TemporaryFolder() }

    @Test("a replaced file has the new bytes, the wanted mode, and no neighbour")
    func replaces() throws {
        for bytes in [[], [1, 2], [UInt8](repeating: 3, count: 300_000)] {
            try DurableFile.replace(path, with: bytes, mode: 0o600)
            #expect(try DurableFile.read(path) == bytes)
        }
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(DurableFile.names(in: folder.root) == ["file"])
    }

    @Test("readers beside writers see one of the contents, never a mixture")
    func atomic() async throws {
        let path = path
        try DurableFile.replace(path, with: [UInt8](repeating: 0, count: 5_000))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 1...3 as ClosedRange<UInt8> {
                group.addTask {
                    for _ in 0..<10 { try DurableFile.replace(path, with: [UInt8](repeating: writer, count: 5_000)) }
                }
            }
            group.addTask {
                for _ in 0..<200 {
                    let bytes = try DurableFile.read(path)
                    guard bytes.count == 5_000, Set(bytes).count == 1 else {
                        throw FileError(operation: "read", path: path, reason: "a mixture")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(DurableFile.names(in: folder.root) == ["file"])
    }

    @Test("a file above the limit is refused before it is read")
    func limit() throws {
        try overwrite(path, [1, 2, 3])
        #expect(try DurableFile.read(path, limitBytes: 3) == [1, 2, 3])
        let error = #expect(throws: FileError.self) { try DurableFile.read(path, limitBytes: 2) }
        #expect(error?.description.contains("3 bytes, 2 at most") == true)
    }

    @Test("errors name the operation, the path and the system's reason")
    func errors() throws {
        let missing = #expect(throws: FileError.self) { try DurableFile.read(path) }
        #expect(missing == FileError(operation: "open", path: path, code: ENOENT))
        #expect(throws: FileError.self) { try DurableFile.read(folder.root) }
        let nowhere = folder.path("none/file")
        let create = #expect(throws: FileError.self) { try DurableFile.replace(nowhere, with: [1]) }
        #expect(create?.operation == "create")
        #expect(create?.code == ENOENT)
        // The place is taken by a folder: the old content stays, and nothing is left beside it.
        try DurableFile.makeFolder(folder.path("place"))
        #expect(throws: FileError.self) { try DurableFile.replace(folder.path("place"), with: [1]) }
        #expect(DurableFile.names(in: folder.root) == ["place"])
    }

    @Test("what another user left behind a link, or a pipe, is not read where links are not followed")
    func links() throws {
        try overwrite(folder.path("secret"), [1])
        #expect(symlink(folder.path("secret"), path) == 0)
        #expect(try DurableFile.read(path) == [1])
        #expect(throws: FileError.self) { try DurableFile.read(path, followsLinks: false) }
        #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
        #expect(throws: FileError.self) { try DurableFile.read(folder.path("pipe"), followsLinks: false) }
        #expect(throws: FileError.self) { try DurableFile.read(folder.root, followsLinks: false) }
        #expect(try DurableFile.read(folder.path("secret"), followsLinks: false) == [1])
    }

    @Test("folders are made with their parents; one that exists is left as it is")
    func folders() throws {
        let deep = folder.path("a/b/c")
        try DurableFile.makeFolder(deep, mode: 0o700)
        try DurableFile.makeFolder(deep, mode: 0o755)
        var status = stat()
        #expect(stat(deep, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        try overwrite(folder.path("file"), [])
        #expect(throws: FileError.self) { try DurableFile.makeFolder(folder.path("file/x")) }
    }

    @Test(
        "on a full disk the old content stays",
        .enabled(if: SmallDisk.isPossible, "only root can mount a small disk"))
    func fullDisk() throws {
        let disk = try SmallDisk(bytes: 64 << 10)
        let path = "\(disk.path)/file"
        try DurableFile.replace(path, with: [1, 2, 3])
        try disk.fill()
        let error = #expect(throws: FileError.self) {
            try DurableFile.replace(path, with: [UInt8](repeating: 1, count: 20_000))
        }
        #expect(error?.code == ENOSPC)
        #expect(try DurableFile.read(path) == [1, 2, 3])
        #expect(DurableFile.names(in: disk.path).sorted() == ["file", "filler"])
    }
}

@Suite("Paths of configuration files")
struct PathTests {
    @Test(
        "an absolute path stays, a relative one starts from the folder",
        arguments: [
            ("/a/b", "/base", "/a/b"), ("x", "/base", "/base/x"), ("x/y", "/base/", "/base/x/y"),
            ("../x", "/base/a", "/base/x"), ("./x/./y", "/base", "/base/x/y"), ("a//b", "/base", "/base/a/b"),
            ("../../../x", "/base", "/x"), ("/..", "/base", "/"), ("/a/../b/", "/base", "/b"), ("..x", "/b", "/b/..x"),
        ])
    func absolute(path: String, folder: String, expected: String) {
        #expect(absolutePath(path, from: folder) == expected)
    }

    @Test("no path, and a dot, are the folder itself")
    func folderItself() {
        #expect(absolutePath("", from: "/base") == "/base")
        #expect(absolutePath(".", from: "/base") == "/base")
    }

    @Test("a folder that is relative itself starts from the current one, not from the root")
    func relativeFolder() {
        #expect(absolutePath("x", from: "base") == absolutePath("base/x", from: currentFolder))
        #expect(absolutePath("x", from: ".") == absolutePath("x", from: currentFolder))
        #expect(absolutePath("x", from: "") == absolutePath("x", from: currentFolder))
    }
}
