import FoundationEssentials
import Node

/// `demo.json`: a prepared demo, written when everything else is in place. What differs between two runs with one
/// seed is keys and noise, never this plan.
struct DemoMarker: Codable, Hashable, Sendable {
    static let schemaName = "vinculum/demo-plan/2"

    struct Site: Codable, Hashable, Sendable {
        var account: String
        var records: Int
        /// The public size band.
        var band: Int
        var epsilonTotal: Double
    }

    var schema = DemoMarker.schemaName
    var plan: DemoPlan
    var task: DemoTask
    var sites: [Site]
    var requester: String
    var aggregator: String
    var testRecords: Int
    var initialModel: String
    var holdout: String
    /// Where tasks run, if not in the sites' folders; removed when the demo has come to its end.
    var taskFolder: String?

    static func read(_ folder: DemoFolder) throws -> DemoMarker? {
        guard DurableFile.exists(folder.marker) else { return nil }
        let marker = try JSONDecoder().decode(
            DemoMarker.self, from: Data(DurableFile.read(folder.marker, limitBytes: 1 << 20)))
        guard marker.schema == schemaName else {
            throw FileError(
                operation: "read", path: folder.marker, reason: "it is of \(marker.schema), not \(schemaName)")
        }
        return marker
    }

    func write(_ folder: DemoFolder) throws {
        try DurableFile.replace(folder.marker, with: try Self.json(self))
    }

    /// Sorted keys and a new line at the end, as every document of the demo is written.
    static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value)) + [0x0a]
    }
}
