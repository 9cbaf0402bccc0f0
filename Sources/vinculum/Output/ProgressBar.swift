/// Progress on standard error: a bar that is redrawn on a terminal, a plain line at each tenth elsewhere, nothing with
/// `--json`. Used from one task.
struct ProgressBar {
    private let label: String
    private let total: Int
    private let isQuiet: Bool
    private let isTerminal: Bool
    private var printedTenth = -1

    init(_ label: String, total: Int, output: OutputOptions) {
        self.label = label
        self.total = max(1, total)
        isQuiet = output.json
        isTerminal = Console.errorsAreTerminal && !Console.refusesColour
    }

    mutating func update(_ done: Int, note: String = "") {
        guard !isQuiet else { return }
        let part = min(max(done, 0), total)
        let suffix = note.isEmpty ? "" : "  \(note)"
        if isTerminal {
            let width = 30
            let filled = part * width / total
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            Console.write("\r\u{1b}[2K\(label) \(bar) \(part)/\(total)\(suffix)", to: .errors, newline: false)
        } else {
            let tenth = part * 10 / total
            guard tenth > printedTenth else { return }
            printedTenth = tenth
            Console.write("\(label) \(part)/\(total)\(suffix)", to: .errors)
        }
    }

    /// Leaves the last state on its own line.
    func finish() {
        if !isQuiet, isTerminal { Console.write("\n", to: .errors) }
    }
}
