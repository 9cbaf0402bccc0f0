import Synchronization

/// What a person sees of a running demo, on standard error: a bar that moves on a terminal, lines elsewhere. Safe
/// from any thread.
final class DemoConsole: Sendable {
    /// Whether bars and colours make sense.
    let isTerminal: Bool
    private let style: Style
    private let bar = Mutex("")
    private let width: @Sendable () -> Int
    private let write: @Sendable (String) -> Void

    convenience init(noColour: Bool) {
        let isTerminal = Console.errorsAreTerminal && ProcessEnvironment.variables["TERM"] != "dumb"
        self.init(isTerminal: isTerminal, hasColour: !noColour && !Console.refusesColour) {
            Console.write($0, to: .errors, newline: false)
        }
    }

    /// - Parameter width: the terminal's columns, asked for each time: a window changes.
    init(
        isTerminal: Bool, hasColour: Bool, width: @escaping @Sendable () -> Int = { Console.errorsWidth },
        write: @escaping @Sendable (String) -> Void
    ) {
        self.isTerminal = isTerminal
        style = Style(isOn: isTerminal && hasColour)
        self.width = width
        self.write = write
    }

    /// Writes a line above the bar.
    func line(_ text: String) {
        bar.withLock { bar in
            write((bar.isEmpty ? "" : "\r\u{1b}[2K") + text + "\n" + bar)
        }
    }

    /// Replaces the bar; without a terminal nothing is written. What does not fit on one line is cut off: a line that
    /// the terminal has wrapped cannot be replaced.
    func show(_ text: String) {
        guard isTerminal else { return }
        let text = String(text.prefix(max(1, width() - 1)))
        bar.withLock { bar in
            guard text != bar else { return }
            write("\r\u{1b}[2K" + text)
            bar = text
        }
    }

    func clear() { show("") }

    func dim(_ text: String) -> String { style.dim(text) }
    func warning(_ text: String) -> String { style.warning(text) }
}
