import Foundation
import TestSupport
import Testing

/// Every command says what it is for, shows an example, and names its exit codes.
@Suite struct HelpTests {
    /// The commands' names, from the program's own description of itself.
    static func commands() throws -> [[String]] {
        let result = try Program.run("--experimental-dump-help")
        let root = try Program.document(result)["command"] as? [String: Any] ?? [:]
        func collect(_ node: [String: Any], _ path: [String]) -> [[String]] {
            let children = (node["subcommands"] as? [[String: Any]] ?? []).filter {
                ($0["commandName"] as? String) != "help" && ($0["shouldDisplay"] as? Bool ?? true)
            }
            return [path] + children.flatMap { collect($0, path + [$0["commandName"] as? String ?? ""]) }
        }
        return collect(root, [])
    }

    @Test func eachCommandHasItsHelp() throws {
        let commands = try Self.commands()
        #expect(commands.count > 25)
        for command in commands {
            let result = try Program.run(command + ["--help"])
            let name = command.joined(separator: " ")
            #expect(result.status == 0, "\(name)")
            for part in ["OVERVIEW:", "EXAMPLES:", "EXIT CODES:", "USAGE: vinculum"] {
                #expect(result.output.contains(part), "\(name) lacks \(part)")
            }
            #expect(
                result.output.contains("  vinculum \(name)") || command.isEmpty || name == "config",
                "\(name): no example of its own")
        }
    }

    /// What every command that asks a node can end with is in its help: a wrong node.toml, and no answer.
    @Test func commandsThatAskANodeNameItsCodes() throws {
        var found = 0
        for command in try Self.commands() {
            let help = try Program.run(command + ["--help"]).output
            // `wait` makes a silent node a matter of time.
            guard help.contains("--token-file"), command != ["wait"] else { continue }
            found += 1
            for code in ["  64  ", "  66  "] { #expect(help.contains(code), "\(command) lacks\(code)") }
        }
        #expect(found > 20)
    }

    @Test(arguments: [
        ["nonsense"], ["status", "--nonsense"], ["tx", "transfer"], ["wait", "--timeout", "-1"],
        ["config", "default", "x"],
    ])
    func aWrongCommandLineIsACodeTwo(arguments: [String]) throws {
        let result = try Program.run(arguments)
        #expect(result.status == 2)
        #expect(result.output.isEmpty && !result.errors.isEmpty)
    }

    @Test func theVersionIsPrinted() throws {
        let document = try Program.document(try Program.run("version", "--json"))
        #expect(document["schema"] as? String == "vinculum/version/1")
        #expect(try Program.run("--version").output == "\(document["version"] as? String ?? "")\n")
    }
}
