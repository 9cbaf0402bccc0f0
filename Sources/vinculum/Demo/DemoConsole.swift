import Synchronization

/// What a person sees of a running demo, on standard error: a bar that moves on a terminal, lines elsewhere. Safe
/// from any thread.
final class DemoConsole: Sendable {
    /// Whether bars and colours make sense.
    let isTerminal: Bool
    private let style: Style
    private let bar = Mutex("")

    init(noColour: Bool) {
        isTerminal = Console.errorsAreTerminal && ProcessEnvironment.variables["TERM"] != "dumb"
        style = Style(isOn: isTerminal && !noColour && !Console.refusesColour)
    }

    /// Writes a line above the bar.
    func line(_ text: String) {
        bar.withLock { bar in
            Self.write((bar.isEmpty ? "" : "\r\u{1b}[2K") + text + "\n" + bar)
        }
    }

    /// Replaces the bar; without a terminal nothing is written.
    func show(_ text: String) {
        guard isTerminal else { return }
        bar.withLock { bar in
            guard text != bar else { return }
            Self.write("\r\u{1b}[2K" + text)
            bar = text
        }
    }

    func clear() { show("") }

    func dim(_ text: String) -> String { style.dim(text) }
    func warning(_ text: String) -> String { style.warning(text) }

    private static func write(_ text: String) { Console.write(text, to: .errors, newline: false) }
}
