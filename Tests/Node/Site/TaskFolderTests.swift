import Glibc
import TestSupport
import Testing

@testable import Node

@Suite("A task's folder is its own and leaves nothing")
struct TaskFolderTests {
    private let folder: TemporaryFolder
    private static let user: UInt32 = 65_534

    init() throws { folder = try TemporaryFolder() }

    private func make(_ name: String = "task") throws -> TaskFolder {
        try TaskFolder(below: folder.path("tasks"), name: name, taskUser: Self.user)
    }

    private func status(_ path: String) -> stat {
        var status = stat()
        lstat(path, &status)
        return status
    }

    @Test("inputs can be read by the task's user alone, and changed by nobody")
    func modes() throws {
        var task = try make()
        try task.add("model", [1, 2])
        #expect(task.inputs.map(\.name) == ["model"])
        #expect(try DurableFile.read(task.inputs[0].path) == [1, 2])
        let owner = geteuid() == 0 ? Self.user : geteuid()
        for path in [task.path, "\(task.path)/in", task.output] {
            #expect(status(path).st_mode & 0o777 == 0o700)
            #expect(status(path).st_uid == owner)
        }
        #expect(status(task.inputs[0].path).st_mode & 0o777 == 0o400)
        #expect(status(task.inputs[0].path).st_uid == owner)
        #expect(status(folder.path("tasks")).st_mode & 0o777 == 0o711)
    }

    @Test("an input is written again between requests, and a result taken leaves an empty file; links are neither")
    func serves() throws {
        var task = try make()
        try task.add("model", [1, 2, 3], isReplaced: true)
        try task.replace("model", [4])
        #expect(try DurableFile.read(task.inputs[0].path) == [4])
        try DurableFile.writeFresh([7, 8], to: "\(task.output)/sum")
        #expect(try task.takeResult("sum") == [7, 8])
        #expect(try DurableFile.read("\(task.output)/sum") == [])
        symlink(task.inputs[0].path, "\(task.output)/link")
        #expect(throws: FileError.self) { try task.takeResult("link") }
        #expect(throws: FileError.self) { try task.replace("../out/link", [9]) }
        #expect(try DurableFile.read(task.inputs[0].path) == [4])
    }

    @Test("what tasks of an earlier life left is removed, and nothing beside it")
    func leftovers() throws {
        var task = try make("killed")
        try task.add("data.safetensors", [1, 2])
        try DurableFile.makeFolder(folder.path("objects"))
        DurableFile.removeTree(folder.path("tasks"))
        #expect(status(folder.path("tasks")).st_mode == 0)
        #expect(status(folder.path("objects")).st_mode != 0)
        DurableFile.removeTree(folder.path("tasks"))
        #expect(try make().path == folder.path("tasks/task"))
    }

    @Test("the result is what the task left, if it is a file")
    func result() throws {
        let task = try make()
        try overwrite("\(task.output)/update", [5])
        #expect(try task.result("update") == [5])
        #expect(throws: FileError.self) { try task.result("other") }
        // A task must not get at files that only this process may read.
        try overwrite(folder.path("secret"), [1])
        #expect(symlink(folder.path("secret"), "\(task.output)/link") == 0)
        #expect(throws: FileError.self) { try task.result("link") }
        #expect(mkfifo("\(task.output)/pipe", 0o600) == 0)
        #expect(throws: FileError.self) { try task.result("pipe") }
    }

    @Test("removed with all that the task left, folders and links too, and nothing outside")
    func removed() throws {
        var task = try make()
        try task.add("model", [1])
        try DurableFile.makeFolder("\(task.output)/deep/deeper")
        try overwrite("\(task.output)/deep/deeper/file", [1])
        try DurableFile.makeFolder(folder.path("outside"))
        try overwrite(folder.path("outside/file"), [1])
        #expect(symlink(folder.path("outside"), "\(task.output)/link") == 0)
        task.remove()
        #expect(!DurableFile.exists(task.path))
        #expect(DurableFile.exists(folder.path("outside/file")))
    }

    @Test("what an earlier life left is gone before the next task begins")
    func madeAnew() throws {
        var first = try make()
        try first.add("data", [1])
        try DurableFile.makeFolder("\(first.output)/deep")
        try overwrite("\(first.output)/deep/update", [1])
        try overwrite("\(first.output)/update", [1])
        let second = try make()
        #expect(DurableFile.names(in: second.output).isEmpty)
        #expect(DurableFile.names(in: "\(second.path)/in").isEmpty)
        #expect(second.inputs.isEmpty)
    }
}
