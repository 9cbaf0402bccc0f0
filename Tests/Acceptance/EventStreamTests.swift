import Foundation
import Node
import NodeAPI
import TestSupport
import Testing

/// A subscriber that keeps its cursor gets every event once, in order, across stops and crashes of the node.
@Suite(.enabled(if: StagedProgram.isThere, StagedProgram.missing))
struct EventStreamTests {
    private func events(_ node: RunningNode, after cursor: EventCursor) async throws -> EventPage {
        try await node.client.events(EventQuery(after: cursor, filter: EventFilter(module: "tokens"), limit: 100))
    }

    /// The ids of a stream that is read from the node as a browser reads it: after the last id that was seen.
    private func stream(_ node: RunningNode, after last: EventCursor) throws -> [String] {
        let result = try Command(
            "curl",
            [
                "--silent", "--max-time", "2", "--unix-socket", "\(node.folder)/api.sock", "--header",
                "Accept: text/event-stream", "--header", "Last-Event-ID: \(last)",
                "http://node/v1/events?module=tokens",
            ]
        ).run()
        return result.output.split(separator: "\n").filter { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) }
    }

    private func transfer(_ node: RunningNode, _ count: Int) throws {
        for _ in 0..<count { try RunningNode.expect(node.run("tx", "transfer", "--to", "main", "1")) }
    }

    @Test(arguments: [false, true]) func nothingIsLostOrRepeatedAcrossARestart(isCrash: Bool) async throws {
        let node = try RunningNode()
        try transfer(node, 3)
        let first = try await events(node, after: .start)
        #expect(first.events.count == 3)
        // The subscriber leaves its cursor with the node; what happens afterwards is for later.
        try await node.client.setNamedCursor("subscriber", to: first.next)
        try transfer(node, 2)

        if isCrash { node.kill() } else { node.stop() }
        try node.start()

        let cursor = try await node.client.namedCursor("subscriber")
        #expect(cursor == first.next)
        let second = try await events(node, after: cursor ?? .start)
        #expect(second.events.count == 2)
        try transfer(node, 1)
        let third = try await events(node, after: second.next)
        #expect(third.events.count == 1)
        // All of them again, from the beginning: the same events under the same cursors.
        let seen = (first.events + second.events + third.events).map(\.cursor)
        let all = try await events(node, after: .start)
        #expect(all.events.map(\.cursor) == seen && Set(seen).count == 6)
        #expect(seen == seen.sorted())
        let streamed = try stream(node, after: first.next)
        #expect(streamed.isEmpty || streamed == seen.dropFirst(3).map { "\($0)" })
        #expect(FileManager.default.isExecutableFile(atPath: "/usr/bin/curl") == !streamed.isEmpty)
    }
}
