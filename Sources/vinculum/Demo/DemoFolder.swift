import Glibc
import Node

/// Where a demo keeps what it needs to be repeated, resumed and looked at.
struct DemoFolder: Sendable {
    let root: String

    /// Says that preparation is complete; written last.
    var marker: String { "\(root)/demo.json" }
    /// Says that preparation has begun; a folder with it and without `marker` is prepared anew.
    var preparing: String { "\(root)/demo.preparing" }
    var node: String { "\(root)/node" }
    var nodeConfiguration: String { "\(node)/node.toml" }
    var aggregatorKey: String { "\(node)/keys/aggregator.key" }
    var nodeSocket: String { "\(node)/api.sock" }
    var genesis: String { "\(root)/genesis.dagcbor" }
    var job: String { "\(root)/job.toml" }
    var publicData: String { "\(root)/public" }
    var holdout: String { "\(publicData)/holdout.safetensors" }
    var model: String { "\(publicData)/model.safetensors" }
    var test: String { "\(root)/test/test.safetensors" }
    var baselines: String { "\(root)/baselines" }
    var logs: String { "\(root)/logs" }
    var report: String { "\(root)/report.json" }
    var proof: String { "\(root)/payment.proof" }
    var requesterKey: String { "\(root)/requester/requester.key" }

    /// The folder of a validator that is not the demo's own node: from 2.
    func validator(_ number: Int) -> String { "\(root)/validators/\(Self.validatorName(number))" }
    static func validatorName(_ number: Int) -> String { "validator-0\(number)" }

    func site(_ name: String) -> String { "\(root)/sites/\(name)" }
    func siteKey(_ name: String) -> String { "\(site(name))/keys/site.key" }
    func sitePolicy(_ name: String) -> String { "\(site(name))/site.toml" }
    func siteData(_ name: String) -> String { "\(site(name))/data/train.safetensors" }
    func log(_ name: String) -> String { "\(logs)/\(name).log" }
    func baseline(_ name: String) -> String { "\(baselines)/\(name).json" }

    /// What preparation and running make directly below the root, and nothing else is ever removed.
    private static let entries = [
        "node", "public", "test", "baselines", "logs", "requester", "sites", "validators", "genesis.dagcbor",
        "job.toml",
    ]

    /// The part of the folder's path that another user may not pass, if root starts the demo: tasks then run as
    /// nobody.
    var barrier: String? {
        guard geteuid() == 0 else { return nil }
        var place = ""
        for part in root.split(separator: "/") {
            place += "/\(part)"
            var status = stat()
            guard stat(place, &status) == 0 else { return nil }
            if status.st_mode & 0o001 == 0 { return place }
        }
        return nil
    }

    /// A folder of its own for tasks, where they cannot run in this one; nil where they can.
    func makeTaskFolder() throws(FileError) -> String? {
        guard barrier != nil else { return nil }
        var path = Array("/tmp/vinculum-demo-XXXXXX".utf8CString)
        guard mkdtemp(&path) != nil, chmod(path, 0o711) == 0 else {
            throw FileError(operation: "mkdtemp", path: "/tmp", code: errno)
        }
        return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var isEmpty: Bool {
        guard let stream = opendir(root) else { return true }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            if ![".", ".."].contains(Self.name(of: entry)) { return false }
        }
        return true
    }

    /// Says that preparation has begun, in one step, and removes what an interrupted one left.
    func beginPreparation() throws(FileError) {
        let descriptor = open(preparing, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(operation: "create", path: preparing, code: errno) }
        close(descriptor)
        for entry in Self.entries { try Self.remove("\(root)/\(entry)") }
    }

    /// Removes a file or a folder with all that is in it; links are removed, not followed.
    private static func remove(_ path: String) throws(FileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw FileError(operation: "stat", path: path, code: errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 else { throw FileError(operation: "unlink", path: path, code: errno) }
            return
        }
        guard let stream = opendir(path) else { throw FileError(operation: "open", path: path, code: errno) }
        var names: [String] = []
        while let entry = readdir(stream) { names.append(name(of: entry)) }
        closedir(stream)
        for name in names where name != "." && name != ".." { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw FileError(operation: "rmdir", path: path, code: errno) }
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
