import Primitives

/// Where a record of a module lives: an absolute path, and the module that may write there.
public struct RecordPath: Hashable, Sendable {
    public let module: String
    /// The whole path, as light clients ask for it.
    public let bytes: [UInt8]

    /// `m/MODULE/FOLDER/` and then the parts, with nothing between them: all parts have fixed lengths.
    public init(_ module: String, _ folder: String, _ parts: [[UInt8]] = []) {
        self.module = module
        var path = Array("m/\(module)/\(folder)/".utf8)
        for part in parts { path.append(contentsOf: part) }
        bytes = path
    }

    /// A number as a part: four bytes, so that the order of paths is the order of numbers.
    public static func part(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}

extension ModuleContext {
    /// The record at `path`, nil if there is none.
    public mutating func load<Record: CBORCodable>(
        _ type: Record.Type = Record.self, at path: RecordPath
    ) throws(Refusal) -> Record? {
        try record(type, at: path.bytes)
    }

    /// Writes a record as the module that owns the path: modules save through the functions of the modules below them.
    public mutating func save(_ record: some CBORCodable, at path: RecordPath) throws(Refusal) {
        try acting(as: path.module) { (context) throws(Refusal) in try context.put(path.bytes, record) }
    }

    public mutating func remove(at path: RecordPath) throws(Refusal) {
        try acting(as: path.module) { (context) throws(Refusal) in try context.delete(path.bytes) }
    }

    /// The records below `path`, in the order of their paths; what follows `path` in each comes with it.
    public mutating func list<Record: CBORCodable>(
        _ type: Record.Type = Record.self, below path: RecordPath, limit: Int
    ) throws(Refusal) -> [(suffix: [UInt8], value: Record)] {
        var found: [(suffix: [UInt8], value: Record)] = []
        for entry in try scan(prefix: path.bytes, limit: limit) {
            do { found.append((Array(entry.path.dropFirst(path.bytes.count)), try Record.decode(entry.value))) } catch {
                throw Refusal(.stateCorrupt, "\(type): \(error)")
            }
        }
        return found
    }
}
