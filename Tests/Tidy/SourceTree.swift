import Foundation
import TestSupport

/// A tracked file, as the checkers see it.
struct TrackedFile {
    let path: String
    let byteCount: Int
    /// Empty for files that are not text.
    let text: String

    init(path: String, text: String, byteCount: Int? = nil) {
        self.path = path
        self.text = text
        self.byteCount = byteCount ?? text.utf8.count
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var isCode: Bool { [".swift", ".c", ".h"].contains { path.hasSuffix($0) } }
    /// Written by hand and read by people: what line length and wording apply to.
    var isProse: Bool { path.hasSuffix(".md") }

    func isBelow(_ folders: [String]) -> Bool { folders.contains { path.hasPrefix($0 + "/") } }
}

/// A broken rule, with what to do.
struct Finding: Hashable, CustomStringConvertible {
    let path: String
    var line: Int?
    let message: String

    var description: String { line.map { "\(path):\($0): \(message)" } ?? "\(path): \(message)" }
}

/// The files that git tracks, with what they hold now.
struct SourceTree {
    let files: [TrackedFile]

    static let root: String = {
        // This file is Tests/Tidy/SourceTree.swift.
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent().path
    }()

    static func load() throws -> SourceTree {
        let listing = try Command("git", ["-C", root, "ls-files", "-z"]).run()
        let paths = listing.output.split(separator: "\0").map(String.init)
        return SourceTree(
            files: paths.compactMap { path in
                guard let data = FileManager.default.contents(atPath: "\(root)/\(path)") else { return nil }
                return TrackedFile(path: path, text: String(data: data, encoding: .utf8) ?? "", byteCount: data.count)
            })
    }
}
