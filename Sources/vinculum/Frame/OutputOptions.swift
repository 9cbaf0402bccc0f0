import ArgumentParser
import NodeAPI
import Primitives

/// How results are printed.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document with a schema name and its version, for programs.")
    var json = false

    @Flag(name: .long, help: "Print without colour. NO_COLOR does the same; colour is used on a terminal only.")
    var noColor = false

    var style: Style { Style(isOn: !json && !noColor && Console.isTerminal && !Console.refusesColour) }

    /// Prints a result: the document `vinculum/NAME/VERSION`, or what `human` makes of it.
    func emit(_ name: String, version: Int = 1, _ fields: CBORMap, human: (Style) -> String) {
        if json {
            var document = fields
            document["schema"] = .text("vinculum/\(name)/\(version)")
            Console.write(JSONText.encode(.map(document), pretty: true), to: .output)
        } else {
            Console.write(human(style), to: .output)
        }
    }

    func emit(_ name: String, _ value: CBORValue, human: (Style) -> String) {
        emit(name, value.map ?? CBORMap([("value", value)]), human: human)
    }

    /// One document of a stream: a line each.
    func emitLine(_ name: String, _ value: CBORValue, human: (Style) -> String) {
        guard json else { return Console.write(human(style), to: .output) }
        var document = value.map ?? CBORMap([("value", value)])
        document["schema"] = .text("vinculum/\(name)/1")
        Console.write(JSONText.encode(.map(document)), to: .output)
    }

    /// Says on standard error how things go on; programs are told nothing.
    func note(_ text: String) {
        guard !json else { return }
        Console.write(text, to: .errors)
    }

    /// Errors go to standard error for people, and to standard output as a document for programs.
    func report(_ failure: CommandFailure) {
        if json {
            Self.document(failure)
        } else {
            var text = "error: \(failure.message)"
            if let field = failure.field { text += "\n  where: \(field)" }
            if let hint = failure.hint { text += "\n  to do: \(hint)" }
            Console.write(text, to: .errors)
        }
    }

    /// An error as programs get it.
    static func document(_ failure: CommandFailure) {
        var map = CBORMap()
        map["schema"] = .text("vinculum/error/1")
        map["code"] = .text(failure.code)
        map["exit_code"] = .integer(Int64(failure.status.rawValue))
        map["message"] = .text(failure.message)
        map["hint"] = failure.hint.map { .text($0) } ?? .null
        map["field"] = failure.field.map { .text($0) } ?? .null
        if !failure.details.isEmpty { map["details"] = .array(failure.details) }
        Console.write(JSONText.encode(.map(map), pretty: true), to: .output)
    }
}
