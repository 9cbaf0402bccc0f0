import Glibc
import PluginHost
import Primitives
import Synchronization
import TestSupport
import Testing

/// A prefix of its own with one plugin, compiled from `Broken/`, installed, allowed by its digest and enabled.
struct Fixture {
    static let root: String = {
        // Tests/PluginHost/Fixture.swift is three below the package.
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    private let folder: TemporaryFolder
    let prefix: String
    let library: String
    let sha256: Digest

    struct Trouble: Error {
        let message: String
    }

    init(_ source: String, version: String = "1.0.0", flags extra: String = "") throws {
        folder = try TemporaryFolder()
        prefix = folder.root
        for folder in [
            "lib/vinculum/plugins", "etc/vinculum/plugins-available", "etc/vinculum/trusted-keys", "package",
        ] {
            guard system("mkdir -p '\(prefix)/\(folder)'") == 0 else { throw Trouble(message: "mkdir") }
        }
        library = "\(prefix)/lib/vinculum/plugins/engine.so"
        let flags = "-std=gnu11 -O1 -shared -fPIC -fvisibility=hidden -w \(extra)"
        let include = "\(Self.root)/Sources/CVinculum/include"
        guard
            system("cc \(flags) -I'\(include)' '\(Self.root)/Tests/PluginHost/Broken/\(source).c' -o '\(library)'") == 0
        else { throw Trouble(message: "\(source) does not compile") }
        sha256 = Digest.sha256(try Self.read(library))
        try writeManifest(version: version)
        try enableLink()
    }

    func enableLink() throws {
        let folder = "\(prefix)/etc/vinculum/plugins-enabled"
        guard system("mkdir -p '\(folder)' && ln -sfn ../plugins-available/engine.toml '\(folder)/engine.toml'") == 0
        else { throw Trouble(message: "link") }
    }

    func writeManifest(
        version: String = "1.0.0", sha256: Digest? = nil, isolation: String = "none", services: String = "\"log\"",
        extra: String = "", abiMajor: Int = 1, id: String = "org.example.engine", name: String = "engine",
        kind: String = "vin.consensus/1", relations: String = ""
    ) throws {
        try Self.write(
            manifestPath,
            """
            manifest = 1
            id = "\(id)"
            name = "\(name)"
            kind = "\(kind)"
            version = "\(version)"
            summary = "An engine for tests"
            vendor = "tests"
            licence = "Apache-2.0"
            library = "engine.so"
            sha256 = "\((sha256 ?? self.sha256).hex)"
            language = "c"
            \(extra)
            [abi]
            major = \(abiMajor)
            minor = 0
            [host]
            services = [\(services)]
            isolation = "\(isolation)"
            \(relations)
            """)
    }

    /// A folder with manifest and library beside one another, as `plugin install` takes it; answers the manifest's
    /// path.
    func package() throws -> String {
        let folder = "\(prefix)/package"
        guard system("cp '\(library)' '\(folder)' && cp '\(manifestPath)' '\(folder)/plugin.toml'") == 0 else {
            throw Trouble(message: "package")
        }
        return "\(folder)/plugin.toml"
    }

    var manifestPath: String { "\(prefix)/etc/vinculum/plugins-available/engine.toml" }

    /// A registry of this prefix; unsigned plugins are allowed by digest unless told otherwise, and run in this process
    /// unless the policy says otherwise.
    func registry(
        unsigned: Bool = true, isolation: IsolationPolicy = IsolationPolicy(inProcess: ["org.example.engine"]),
        child: PluginChildLauncher? = PluginChildLauncher(program: Self.childProgram),
        services: HostServices = HostServices()
    ) -> PluginRegistry {
        PluginRegistry(
            folders: PluginFolders(prefix: prefix), services: services, allowedUnsigned: unsigned ? [sha256] : [],
            isolation: isolation,
            child: child)
    }

    /// The engine, in this process or in a child.
    func engine(isolated: Bool, callTimeout: Duration = .seconds(20)) throws -> ConsensusInstance {
        let ids: Set = ["org.example.engine"]
        return try registry(
            isolation: isolated ? IsolationPolicy(isolated: ids) : IsolationPolicy(inProcess: ids),
            child: PluginChildLauncher(program: Self.childProgram, callTimeout: callTimeout)
        ).consensus("engine")
    }

    func remove() { _ = system("rm -rf '\(prefix)'") }

    /// The helper lies beside the bundle of tests.
    static let childProgram: String = {
        let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
        let folder = bundle.split(separator: "/").prefix { !$0.hasSuffix(".xctest") }
        let parts = bundle.contains(".xctest") ? Array(folder) : Array(folder.dropLast())
        return "/" + parts.joined(separator: "/") + "/plugin-child"
    }()

    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Trouble(message: "no \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&block, 1, block.count, file)
            if count == 0 { return bytes }
            bytes += block[0..<count]
        }
    }

    static func write(_ path: String, _ text: String) throws {
        guard let file = fopen(path, "w") else { throw Trouble(message: "cannot write \(path)") }
        fputs(text, file)
        fclose(file)
    }
}

/// The error of a plugin that a body throws, or nil.
func pluginError(_ body: () throws -> Void) -> PluginError? {
    do {
        try body()
        return nil
    } catch let error as PluginError {
        return error
    } catch {
        Issue.record("not an error of a plugin: \(error)")
        return nil
    }
}

let tick = ConsensusEvent(timeMilliseconds: 1000, .time)

/// What plugins log, kept.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var services: HostServices { HostServices { [self] _, _, line in lines.withLock { $0.append(line) } } }
}
