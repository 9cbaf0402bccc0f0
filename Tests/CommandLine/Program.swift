import Foundation
import TestSupport

/// The built program, run as a user runs it.
struct Program {
    /// Beside the test bundle, where the package manager puts executables.
    static var path: String {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["VINCULUM_PROGRAM"] { return path }
        while !FileManager.default.isExecutableFile(atPath: folder.appending(path: "vinculum").path) {
            guard folder.path != "/" else { break }
            folder.deleteLastPathComponent()
        }
        return folder.appending(path: "vinculum").path
    }

    static func run(_ arguments: String..., environment: [String: String?] = [:]) throws -> CommandResult {
        try run(arguments, environment: environment)
    }

    static func run(_ arguments: [String], environment: [String: String?] = [:]) throws -> CommandResult {
        let isolated: [String: String?] = [
            "HOME": "/nonexistent", "VINCULUM_DATA": nil, "VINCULUM_NODE": nil, "COLUMNS": "80",
        ]
        return try Command(path, arguments, environment: isolated.merging(environment) { $1 }).run()
    }

    /// A document that a command printed with `--json`.
    static func document(_ result: CommandResult) throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    }
}
