import Glibc
import Logging
import Node

/// Log lines on standard error: for people, or one JSON object a line.
struct ConsoleLog: LogHandler {
    enum Format: String, Sendable {
        case text, json
    }

    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Format

    init(label: String, level: Logger.Level, format: Format) {
        self.label = label
        logLevel = level
        self.format = format
    }

    /// A logger as a configuration asks for it.
    static func logger(_ label: String, level: String, format: String) -> Logger {
        let level = Logger.Level(rawValue: level) ?? .info
        let format = Format(rawValue: format) ?? .text
        return Logger(label: label) { ConsoleLog(label: $0, level: level, format: format) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Self.timestamp()
        let line =
            switch format {
            case .text: "\(time) \(event.level.rawValue.padded(to: 8)) \(label): \(event.message)\n"
            case .json:
                "{\"time\":\(Self.quoted(time)),\"level\":\(Self.quoted(event.level.rawValue)),"
                    + "\"source\":\(Self.quoted(label)),\"message\":\(Self.quoted("\(event.message)"))}\n"
            }
        var bytes = Array(line.utf8)
        // One write for a line, so that lines of several processes in one file do not mix.
        _ = write(STDERR_FILENO, &bytes, bytes.count)
    }

    /// RFC 3339 in UTC, to the millisecond.
    private static func timestamp() -> String {
        let now = WallClock.milliseconds()
        var seconds = time_t(now / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let milliseconds = String(now % 1_000)
        let zeros = String(repeating: "0", count: 3 - milliseconds.count)
        return String(decoding: text, as: UTF8.self) + "." + zeros + milliseconds + "Z"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}
