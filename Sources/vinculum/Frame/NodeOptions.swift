import ArgumentParser
import Glibc
import Node
import NodeAPI
import Primitives

/// The node's folder and its configuration.
struct FolderOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The node's folder (else VINCULUM_DATA, else ~/.vinculum).", valueName: "folder"))
    var data: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Set a key of node.toml for this command, such as api.tcp_port=7400.", valueName: "key=value"))
    var settings: [String] = []

    var folder: String {
        let environment = ProcessEnvironment.variables
        if let folder = data ?? environment["VINCULUM_DATA"] { return folder }
        return Self.usualFolder
    }

    static var usualFolder: String { (ProcessEnvironment.variables["HOME"] ?? ".") + "/.vinculum" }

    var file: String { "\(folder)/node.toml" }

    var flags: [String: String] {
        get throws {
            var result: [String: String] = [:]
            for setting in settings {
                guard let equals = setting.firstIndex(of: "=") else {
                    throw ValidationError("--set takes KEY=VALUE, not '\(setting)'")
                }
                result[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
            }
            return result
        }
    }

    /// The folder's `node.toml` with flags and environment over it; defaults alone where there is no file.
    func configuration() throws -> NodeConfiguration {
        let exists = DurableFile.exists(file)
        let text = exists ? try readText(file) : nil
        let resolved = try ResolvedConfiguration(
            schema: NodeConfiguration.schema, text: text, file: file, environment: ProcessEnvironment.variables,
            flags: try flags)
        return NodeConfiguration(resolved: resolved, baseFolder: absoluteFolder)
    }

    /// The configuration of a folder that `init` has made.
    func startable() throws -> NodeConfiguration {
        guard DurableFile.exists(file) else {
            throw CommandFailure(
                .notFound, "there is no \(file)", hint: "make a node with `vinculum init --data \(folder)`")
        }
        return try configuration()
    }

    private var absoluteFolder: String { absolutePath(folder, from: currentFolder) }
}

/// Which node is asked.
struct NodeOptions: ParsableArguments {
    @OptionGroup(title: "Folder options") var folder: FolderOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The node to ask: unix:PATH or http://HOST:PORT (else VINCULUM_NODE, else the folder's node).",
            valueName: "address"))
    var node: String?

    @Option(name: .long, help: ArgumentHelp("File with the bearer token, for nodes over TCP.", valueName: "file"))
    var tokenFile: String?

    func client() throws -> NodeClient {
        let environment = ProcessEnvironment.variables
        if let text = node ?? environment["VINCULUM_NODE"] {
            let file = tokenFile ?? environment["VINCULUM_TOKEN_FILE"]
            return NodeClient(try NodeAddress(text), token: try file.map { path in try BearerToken.load(from: path) })
        }
        let configuration = try folder.configuration()
        if let path = configuration.unixSocket { return NodeClient(.unixSocket(path: path)) }
        guard let port = configuration.tcpPort else {
            throw CommandFailure(
                .configuration, "\(folder.file) switches both ways to reach the node off",
                hint: "set api.unix_socket or api.tcp_port", field: "api.unix_socket")
        }
        return NodeClient(
            .http(host: configuration.tcpHost, port: port), token: try BearerToken.load(from: configuration.tokenFile))
    }
}

enum ProcessEnvironment {
    static var variables: [String: String] {
        var result: [String: String] = [:]
        var cursor = environ
        while let entry = cursor.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            cursor += 1
        }
        return result
    }
}

/// A text file of at most 1 MiB.
func readText(_ path: String) throws -> String {
    let bytes: [UInt8]
    do throws(FileError) {
        bytes = try DurableFile.read(path, limitBytes: 1 << 20)
    } catch {
        throw CommandFailure(error.code == ENOENT ? .notFound : .failed, error.description)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CommandFailure(.configuration, "\(path) is not UTF-8 text")
    }
    return text
}

/// A file's bytes, with an error that names it.
func readBytes(_ path: String, limitBytes: Int) throws -> [UInt8] {
    do throws(FileError) {
        return try DurableFile.read(path, limitBytes: limitBytes)
    } catch {
        throw CommandFailure(error.code == ENOENT ? .notFound : .failed, error.description)
    }
}
