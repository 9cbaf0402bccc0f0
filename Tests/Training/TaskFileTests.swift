import Testing

@testable import Training

/// What a site writes for its trainer: read strictly, since a word that is misspelt would train something else.
@Suite("A trainer's task file")
struct TaskFileTests {
    private func read(_ text: String) throws -> TaskFile {
        try TaskFile(bytes: Array(text.utf8), path: "task.conf")
    }

    private func code(_ text: String, _ body: (TaskFile) throws -> Void = { _ in }) throws -> TrainingError.Code? {
        do { try body(try read(text)) } catch let error as TrainingError { return error.code }
        return nil
    }

    @Test("gives what stands in it, and defaults for what does not")
    func values() throws {
        let file = try read("# a task\n mode =  dp-gradient  # the mode\n\nclip=4.5\nseed = 18446744073709551615\n")
        #expect(try file.text("mode") == "dp-gradient")
        #expect(try file.double("clip") == 4.5)
        #expect(try file.unsigned("seed") == .max)
        #expect(try file.integer("scale_bits", default: 14) == 14)
        #expect(try file.text("model", default: "model.safetensors") == "model.safetensors")
    }

    @Test("refuses what it does not know, by name")
    func refusals() throws {
        #expect(try code("mode = a\nmode = b") == .duplicateKey)
        #expect(try code("mood = a") == .unknownKey)
        #expect(try code("mode") == .malformed)
        #expect(try code("clip = nan") { _ = try $0.double("clip") } == .badParameter)
        #expect(try code("clip = inf") { _ = try $0.double("clip") } == .badParameter)
        #expect(try code("clip = four") { _ = try $0.double("clip") } == .malformed)
        #expect(try code("epochs = 1.5") { _ = try $0.integer("epochs") } == .malformed)
        #expect(try code("seed = -1") { _ = try $0.unsigned("seed") } == .malformed)
        #expect(try code("") { _ = try $0.text("mode") } == .missing)
        #expect(throws: TrainingError(.notUTF8, "", at: "")) { try TaskFile(bytes: [0xff], path: "task.conf") }
    }
}
