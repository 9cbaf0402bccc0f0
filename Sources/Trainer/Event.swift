#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One line of JSON on standard output for each thing that happened; nothing else is printed there.
enum Event {
    enum Value {
        case text(String)
        case integer(Int)
    }

    static func emit(_ name: String, _ fields: [String: Value] = [:]) {
        var members = ["\"event\":\(quoted(name))"]
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .text(let text): members.append("\(quoted(key)):\(quoted(text))")
            case .integer(let number): members.append("\(quoted(key)):\(number)")
            }
        }
        let line = Array("{\(members.joined(separator: ","))}\n".utf8)
        var done = 0
        while done < line.count {
            let count = line.withUnsafeBytes { write(1, $0.baseAddress.map { $0 + done }, line.count - done) }
            guard count > 0 else { return }
            done += count
        }
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
