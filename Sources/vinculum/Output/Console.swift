import Glibc

/// Standard output and standard error.
enum Console {
    enum Stream {
        case output, errors
    }

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var errorsAreTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    /// The convention of no-color.org: any value that is not empty.
    static var refusesColour: Bool {
        let variables = ProcessEnvironment.variables
        return variables["NO_COLOR"].map { !$0.isEmpty } ?? false || variables["TERM"] == "dumb"
    }

    /// Columns of the terminal; 100 where that cannot be known.
    static var width: Int { width(of: STDOUT_FILENO) }
    /// The same for standard error.
    static var errorsWidth: Int { width(of: STDERR_FILENO) }

    private static func width(of descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 100 }
        return Int(size.ws_col)
    }

    /// Writes a text and a line's end. A reader that has gone is not an error: the work is done either way.
    static func write(_ text: String, to stream: Stream, newline: Bool = true) {
        let bytes = Array(text.utf8) + (newline && !text.hasSuffix("\n") ? [0x0a] : [])
        let descriptor = stream == .output ? STDOUT_FILENO : STDERR_FILENO
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
            offset += count
        }
    }
}

/// Colours, where they are wanted.
struct Style {
    var isOn: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }
    func good(_ text: String) -> String { wrap(text, "32") }
    func warning(_ text: String) -> String { wrap(text, "33") }
    func bad(_ text: String) -> String { wrap(text, "31") }

    private func wrap(_ text: String, _ code: String) -> String { isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }
}
