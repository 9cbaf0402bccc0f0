import Glibc
import PluginHost
import Primitives
import Simulator
import TestSupport
import Testing

/// Plugin libraries that the package's build put beside the tests, loaded as a node loads them.
enum Libraries {
    static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    static func path(_ name: String) throws -> String {
        let program = try #require(CommandLine.arguments.first.map { _ in "/proc/self/exe" })
        var text = [CChar](repeating: 0, count: 4097)
        let length = readlink(program, &text, 4096)
        let path = String(decoding: text[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/lib\(name).so"
    }

    /// An engine that ships.
    static func engine(_ name: String) throws -> ConsensusFactory {
        try ConsensusFactory(manifest: "\(root)/Plugins/\(name)/plugin.toml", library: try path(name))
    }

    /// The engine of consensus-pos with a bug on purpose.
    static func planted(_ bug: String) throws -> ConsensusFactory {
        let folder = try TemporaryFolder()
        let manifest = try folder.write(
            "plugin.toml",
            """
            manifest = 1
            id = "org.vinculum.test.\(bug)"
            name = "\(bug)"
            kind = "vin.consensus/1"
            version = "0.1.0"
            summary = "An engine with a bug on purpose"
            vendor = "Vinculum maintainers"
            licence = "Apache-2.0"
            library = "libplanted-engines.so"
            sha256 = ""
            conformance_digest = ""
            language = "swift"

            [abi]
            major = 1
            minor = 0

            [swift]
            runtime = "6.3"

            [host]
            services = ["log"]
            purposes = []
            isolation = "none"

            [relations]
            requires = []
            conflicts = []
            """)
        return try ConsensusFactory(manifest: manifest, library: try path("planted-engines"))
    }

    static func simulation(
        _ factory: ConsensusFactory, validators: Int = 4, faults: Set<Fault>, heights: UInt64,
        parameters: [String: String] = NetworkPlan.shortTimes
    ) -> Simulation {
        Simulation(validators: validators, faults: faults, heights: heights, parameters: parameters) { _ in
            try LibraryEngine(factory)
        }
    }
}
