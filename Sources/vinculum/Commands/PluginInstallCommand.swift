import ArgumentParser
import Glibc
import Node
import PluginHost
import Primitives

struct PluginInstall: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Copy a plugin's files to their places, if they hold; does not enable it.",
        discussion: HelpText(
            why: "The manifest, its signature and the library are checked in a place of their own first.",
            examples: [("vinculum plugin install ./my-plugin/plugin.toml", "the .so and .minisig lie beside it")],
            limits: "Replaces an installed plugin of the same name; a running node keeps the one that it has loaded.",
            exits: [.ok, .failed, .usage, .notFound, .notProven]
        ).text)

    @Argument(help: "The manifest (TOML); the library that it names and its .minisig lie beside it.") var manifest:
        String
    @Flag(help: "Accept a version older than one that was enabled here before.") var allowOlder = false
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let registry = try plugins.registry()
        let text = try readText(manifest)
        let parsed = try Manifest(text: text, file: manifest)
        let source =
            manifest.contains("/") ? String(manifest[..<(manifest.lastIndex(of: "/") ?? manifest.startIndex)]) : "."
        let library = try readBytes("\(source)/\(parsed.library)", limitBytes: 1 << 30)
        let signaturePath = "\(manifest).minisig"
        let signature = DurableFile.exists(signaturePath) ? try readBytes(signaturePath, limitBytes: 1 << 16) : nil

        let folders = registry.folders
        try DurableFile.makeFolder(folders.libraries)
        try DurableFile.makeFolder(folders.available)
        try check(parsed, text, library, signature, folders)
        // The manifest last: until it is there, nothing names the new library.
        try DurableFile.replace("\(folders.libraries)/\(parsed.library)", with: library, mode: 0o755)
        let place = "\(folders.available)/\(parsed.name).toml"
        if let signature { try DurableFile.replace("\(place).minisig", with: signature) }
        try DurableFile.replace(place, with: Array(text.utf8))
        let plugin = try registry.find(parsed.id)
        output.emit("plugin", PluginReport.document(plugin)) { style in
            let next =
                plugin.isEnabled ? "" : "\nEnable it with:\n  \(style.bold("vinculum plugin enable \(parsed.name)"))"
            return "\(parsed.id) \(parsed.version) is installed in \(folders.libraries)\(next)"
        }
        return .ok
    }

    /// Lays the very bytes that were read out in a folder of their own and runs the registry's checks there.
    private func check(
        _ manifest: Manifest, _ text: String, _ library: [UInt8], _ signature: [UInt8]?, _ folders: PluginFolders
    ) throws {
        var trial = folders
        let scratch = "\(folders.libraries)/.install-\(Hex.encode(SecureRandom.bytes(count: 6)))"
        trial.libraries = scratch
        trial.available = scratch
        try DurableFile.makeFolder(scratch, mode: 0o700)
        let place = "\(scratch)/\(manifest.name).toml"
        let files = [place, "\(place).minisig", "\(scratch)/\(manifest.library)"]
        defer {
            for file in files { unlink(file) }
            rmdir(scratch)
        }
        try DurableFile.replace(place, with: Array(text.utf8))
        if let signature { try DurableFile.replace("\(place).minisig", with: signature) }
        try DurableFile.replace("\(scratch)/\(manifest.library)", with: library, mode: 0o755)
        let configuration = try plugins.folder.configuration()
        let registry = PluginRegistry(
            folders: trial, allowedUnsigned: Set(configuration.allowedUnsigned.compactMap { try? Digest(hex: $0) }))
        _ = try registry.verify(try registry.find(manifest.id), allowOlder: allowOlder)
    }
}
