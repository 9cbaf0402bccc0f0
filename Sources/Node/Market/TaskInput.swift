import Primitives

/// What a task of the market works on: the object that its terms name. Everything in it is public.
///
/// Tuple: [settings, result, [[name, CID]…]], names ascending. The program finds `settings` as `/task/in/task.conf` and
/// each file as `/task/in/NAME`; what it leaves as `/output/RESULT` is the task's result.
public struct TaskInput: Hashable, Sendable, CBORCodable {
    public struct File: Hashable, Sendable, CBORCodable {
        public let name: String
        public let id: CID

        public init(_ name: String, _ id: CID) {
            self.name = name
            self.id = id
        }

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 2)
            encoder.text(name)
            encoder.link(id)
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 2)
            name = try decoder.text()
            id = try decoder.link()
        }
    }

    /// `key = value` lines, as the trainer reads them; at most 64 KiB.
    public let settings: String
    /// The file that the program leaves.
    public let result: String
    public let files: [File]

    public static let settingsName = "task.conf"
    private static let settingsLimitBytes = 65_536
    private static let fileLimit = 16

    /// - Parameter files: in any order.
    public init(settings: String, result: String, files: [File]) {
        self.settings = settings
        self.result = result
        self.files = files.sorted { $0.name < $1.name }
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.text(settings)
        encoder.text(result)
        encoder.list(files)
    }

    /// Refuses what could leave its folder or would be ambiguous.
    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        settings = try decoder.text()
        result = try decoder.text()
        files = try decoder.list()
        guard settings.utf8.count <= Self.settingsLimitBytes, files.count <= Self.fileLimit else {
            throw decoder.invalid("at most 64 KiB of settings and \(Self.fileLimit) files")
        }
        guard files.allSatisfy({ Self.isPlain($0.name) && $0.name != Self.settingsName }), Self.isPlain(result) else {
            throw decoder.invalid("a name that is none of a plain file")
        }
        guard zip(files, files.dropFirst()).allSatisfy({ $0.name < $1.name }) else {
            throw decoder.invalid("names that do not ascend")
        }
    }

    /// 1 to 64 letters, digits, dots, hyphens and underscores, not starting with a dot.
    private static func isPlain(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), !name.hasPrefix(".") else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case 0x61...0x7a, 0x41...0x5a, 0x30...0x39, 0x2d, 0x2e, 0x5f: true
            default: false
            }
        }
    }
}

extension TaskInput {
    /// Accuracy and loss of a model on public records: `evaluation.json`.
    public static func evaluation(model: CID, data: CID, inputFactor: Double, inputOffset: Double) -> TaskInput {
        TaskInput(
            settings: """
                mode = evaluate
                input_factor = \(inputFactor)
                input_offset = \(inputOffset)

                """, result: "evaluation.json",
            files: [File("model.safetensors", model), File("data.safetensors", data)])
    }

    /// Work with an answer that the requester knows: training on records that are drawn from a seed.
    public static func benchmark(widths: String, records: Int, seed: UInt64) -> TaskInput {
        TaskInput(
            settings: """
                mode = benchmark
                widths = \(widths)
                records = \(records)
                seed = \(seed)

                """, result: "model.safetensors", files: [])
    }
}
