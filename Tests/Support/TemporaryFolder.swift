import Foundation

/// A folder of a test's own, removed with everything in it when the last user lets go of it.
public final class TemporaryFolder: Sendable {
    public let root: String

    public init() throws {
        var template = Array("\(Self.base)/vinculum-test-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(command: "mkdtemp", reason: String(cString: strerror(errno)))
        }
        root = template.withUnsafeBufferPointer { buffer in
            String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// A folder for as long as `body` runs.
    public static func with<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = try TemporaryFolder()
        return try withExtendedLifetime(folder) { try body(folder.root) }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    public func path(_ name: String) -> String { "\(root)/\(name)" }

    /// A file's text, or nothing if there is none.
    public func text(_ name: String) -> String {
        guard let file = fopen(path(name), "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a file and answers its path.
    @discardableResult
    public func write(_ name: String, _ text: String) throws -> String {
        guard let file = fopen(path(name), "w") else {
            throw CommandFailure(command: "fopen \(path(name))", reason: String(cString: strerror(errno)))
        }
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        fwrite(bytes, 1, bytes.count, file)
        return path(name)
    }

    private static var base: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }
}
