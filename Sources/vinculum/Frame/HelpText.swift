/// The long part of a command's help: why, examples, limits, exit codes.
struct HelpText {
    var why: String
    var examples: [(command: String, meaning: String)]
    var limits: String?
    var exits: [ExitStatus] = [.ok, .failed, .usage]

    var text: String {
        var text = "\(why)\n\nEXAMPLES:\n"
        for example in examples { text += "  \(example.command)\n      \(example.meaning)\n" }
        if let limits { text += "\nLIMITS:\n  \(limits)\n" }
        text += "\nEXIT CODES:\n"
        for status in ExitStatus.allCases where exits.contains(status) {
            text += "  \(status.rawValue)  \(status.meaning)\n"
        }
        return text
    }
}
