import ArgumentParser
import Glibc

/// Parses the arguments, runs the command and ends the process with its exit code.
func runProgram() async {
    do {
        var command = try Vinculum.parseAsRoot()
        if var asynchronous = command as? any AsyncParsableCommand {
            try await asynchronous.run()
        } else {
            try command.run()
        }
    } catch let code as ExitCode {
        exit(code.rawValue)
    } catch {
        // What is left is the parser's: help and version (0), or a usage error, whose code is 2 as in other tools.
        let isHelp = Vinculum.exitCode(for: error) == .success
        if !isHelp, asksForDocuments {
            // Options may be what is wrong, so the flag is looked for among the words.
            OutputOptions.document(CommandFailure(.usage, Vinculum.message(for: error)))
            exit(ExitStatus.usage.rawValue)
        }
        Console.write(Vinculum.fullMessage(for: error), to: isHelp ? .output : .errors)
        exit(isHelp ? 0 : ExitStatus.usage.rawValue)
    }
}

private var asksForDocuments: Bool { CommandLine.arguments.prefix { $0 != "--" }.contains("--json") }
