import Glibc
import PluginHost
import Primitives
import TestSupport
import Testing

@testable import Node

/// The plugins that the package's build put beside the tests, installed under a prefix of their own.
enum BuiltPlugins {
    static func registry() throws -> PluginRegistry {
        try installed.get().registry
    }

    /// Engines for kernels of tests.
    static func engines() throws -> PluginRegistry { try installedEngines.get().registry }

    private static let installed = Result { try Installed(["privacy-dp", "verify-spotcheck"]) }
    private static let installedEngines = Result { try Installed(["consensus-pos"]) }

    private struct Installed: Sendable {
        /// Kept, so that the folder stays.
        let folder: TemporaryFolder
        let registry: PluginRegistry

        init(_ names: [String]) throws {
            folder = try TemporaryFolder()
            let folders = PluginFolders(prefix: folder.root)
            var digests: Set<Digest> = []
            for name in names {
                let library = try DurableFile.read("\(Installed.buildFolder())/lib\(name).so")
                let digest = Digest.sha256(library)
                digests.insert(digest)
                try DurableFile.makeFolder(folders.libraries)
                try DurableFile.makeFolder(folders.available)
                try overwrite("\(folders.libraries)/lib\(name).so", library)
                let manifest = try DurableFile.read("\(Installed.root)/Plugins/\(name)/plugin.toml")
                let text = String(decoding: manifest, as: UTF8.self).split(
                    separator: "\n", omittingEmptySubsequences: false
                ).map { $0.hasPrefix("sha256 =") ? "sha256 = \"\(digest.hex)\"" : String($0) }
                try overwrite("\(folders.available)/\(name).toml", Array(text.joined(separator: "\n").utf8))
                try DurableFile.makeFolder(folders.enabled)
                symlink("../plugins-available/\(name).toml", "\(folders.enabled)/\(name).toml")
            }
            registry = PluginRegistry(
                folders: folders, allowedUnsigned: digests,
                isolation: IsolationPolicy(inProcess: Set(names.map { "org.vinculum.\($0)" })))
        }

        // Tests/Node/Support/BuiltPlugins.swift is four below the package.
        static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

        static func buildFolder() -> String {
            var text = [CChar](repeating: 0, count: 4_097)
            let length = readlink("/proc/self/exe", &text, 4_096)
            let path = String(decoding: text[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return "/" + path.split(separator: "/").dropLast().joined(separator: "/")
        }
    }
}
