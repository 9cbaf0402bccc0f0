import Glibc

/// A plugin to begin with: copied from the templates that are installed with the program, under the author's names.
public struct PluginTemplate: Sendable {
    public let kind: PluginKind
    public let language: Manifest.Language
    /// Reverse DNS.
    public let id: String
    /// File name stem.
    public let name: String
    public let vendor: String

    /// - Parameters:
    ///   - name: nil takes the last part of the id.
    ///   - vendor: nil takes the rest of the id.
    public init(
        kind: PluginKind, language: Manifest.Language, id: String, name: String? = nil, vendor: String? = nil
    ) throws(PluginError) {
        func fault(_ field: String, _ message: String) -> PluginError {
            PluginError(.manifest, plugin: id, call: field, message, hint: "such as org.example.my-plugin")
        }
        let parts = id.split(separator: ".", omittingEmptySubsequences: false)
        guard Manifest.isName(id, extra: "."), parts.count > 1, !parts.contains("") else {
            throw fault("id", "an id is reverse DNS: parts of [a-z0-9-] with dots between them, at most 64 bytes")
        }
        let name = name ?? String(parts[parts.count - 1])
        guard Manifest.isName(name, extra: "") else {
            throw fault("name", "\(name) is no name: [a-z0-9-], at most 64 bytes, no hyphen in front")
        }
        let vendor = vendor ?? parts.dropLast().joined(separator: ".")
        // It goes into literals of C, Swift and TOML.
        guard !vendor.isEmpty, vendor.utf8.count <= 128,
            vendor.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f && $0 != "\"" && $0 != "\\" })
        else { throw fault("vendor", "a vendor is one line without quotation marks and backslashes") }
        self.kind = kind
        self.language = language
        self.id = id
        self.name = name
        self.vendor = vendor
    }

    /// Copies the template into a folder that is not there yet, or is empty. The folder appears whole or not at all.
    ///
    /// - Parameter share: `PREFIX/share/vinculum`, which holds `templates` and `sdk`.
    /// - Returns: the files, relative to the folder, sorted.
    @discardableResult
    public func write(to folder: String, share: String) throws(PluginError) -> [String] {
        let source = "\(share)/templates/\(language.rawValue)/\(kind.word)"
        let files = try Files.tree(source)
        guard !files.isEmpty else {
            throw PluginError(
                .notFound, plugin: id, call: "template", "there is no template in \(source)",
                hint: "install vinculum-dev, or set VINCULUM_PREFIX")
        }
        var path = folder
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try Files.makeFolder(String(path[..<slash]))
        }
        let scratch = "\(path).\(getpid()).new"
        guard mkdir(scratch, 0o755) == 0 else { throw Files.fault(scratch, "make folder", errno) }
        defer { Files.removeTree(scratch) }
        for file in files {
            let text = fill(try Files.text("\(source)/\(file)", limit: 1 << 20), share: share)
            if let slash = file.lastIndex(of: "/") { try Files.makeFolder("\(scratch)/\(file[..<slash])") }
            try Files.write("\(scratch)/\(file)", Array(text.utf8))
        }
        // Takes the place of an empty folder, and of nothing else.
        guard rename(scratch, path) == 0 else {
            if errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR {
                throw PluginError(
                    .exists, plugin: id, call: "new", "\(folder) exists and is not empty; nothing was written",
                    hint: "name a folder that is not there yet")
            }
            throw Files.fault(path, "rename", errno)
        }
        return files
    }

    private func fill(_ text: String, share: String) -> String {
        var text = text
        for (mark, value) in [
            ("@ID@", id), ("@NAME@", name), ("@VENDOR@", vendor), ("@SDK@", "\(share)/sdk"),
            ("@SWIFT@", SwiftRuntime.version),
        ] {
            text = text.split(separator: mark, omittingEmptySubsequences: false).joined(separator: value)
        }
        return text
    }
}

extension PluginKind {
    /// As folders and commands name it: `verifier` for `vin.verifier/1`.
    public var word: String { String(rawValue.dropFirst(4).dropLast(2)) }

    public init?(word: String) {
        guard let kind = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = kind
    }
}
