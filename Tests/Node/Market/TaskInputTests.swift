import Node
import Primitives
import Testing

@Suite("What a task of the market works on") struct TaskInputTests {
    private static let object = CID.of(raw: [1])

    @Test("it is read as it was written, whatever order its files came in") func roundTrip() throws {
        let input = TaskInput(
            settings: "mode = evaluate\n", result: "evaluation.json",
            files: [.init("model.safetensors", Self.object), .init("data.safetensors", .of(raw: [2]))])
        #expect(input.files.map(\.name) == ["data.safetensors", "model.safetensors"])
        #expect(try TaskInput.decode(input.encoded()) == input)
    }

    @Test(
        "a name that could leave the task's folder is refused",
        arguments: [
            "", ".", "..", "../x", "a/b", ".hidden", "a b", "task.conf", "ä", String(repeating: "a", count: 65),
        ])
    func names(_ name: String) {
        let input = TaskInput(settings: "", result: "out", files: [.init(name, Self.object)])
        #expect(throws: CBORError.self) { try TaskInput.decode(input.encoded()) }
        let result = TaskInput(settings: "", result: name, files: [])
        if name != TaskInput.settingsName {
            #expect(throws: CBORError.self) { try TaskInput.decode(result.encoded()) }
        }
    }

    @Test("two files of one name, and too much of anything, are refused") func limits() {
        let twice = TaskInput(settings: "", result: "out", files: [.init("a", Self.object), .init("a", Self.object)])
        #expect(throws: CBORError.self) { try TaskInput.decode(twice.encoded()) }
        let files = (0..<17).map { TaskInput.File("f\($0)", Self.object) }
        #expect(throws: CBORError.self) {
            try TaskInput.decode(TaskInput(settings: "", result: "out", files: files).encoded())
        }
        let long = TaskInput(settings: String(repeating: "x", count: 65_537), result: "out", files: [])
        #expect(throws: CBORError.self) { try TaskInput.decode(long.encoded()) }
    }
}
