import CIsolation
import Glibc

/// Text that a child wrote, for people's eyes.
enum ChildText {
    /// Without what would move a cursor, colour a terminal or begin a line of its own in a log.
    static func printable(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: text.unicodeScalars.append("\u{FFFD}")
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// The host's end of a child's standard error. Neither side waits for the other: what does not fit into the pipe is
/// lost.
final class ChildErrorOutput {
    private static let bytesAtOnce = 4096
    private static let lineBytes = 400

    private let descriptor: Int32

    /// Takes the descriptor over.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// What has come since the last time, at most 4 KiB of it; the rest comes the next time.
    func lines() -> [String] {
        var bytes = [UInt8](repeating: 0, count: Self.bytesAtOnce)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return [] }
        return bytes[..<count].split(separator: UInt8(ascii: "\n")).map {
            ChildText.printable($0.prefix(Self.lineBytes))
        }
    }
}
