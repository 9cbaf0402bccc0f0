import Ledger
import Logging
import PeerNetwork
import Primitives

/// The thread that writes a staging.
struct StagingThread: SerialThreadState {
    let staging: SnapshotStaging
    var nextDeadline: ContinuousClock.Instant? { nil }
    mutating func settle() {}
}

extension StateJoin {
    private enum ChunkOutcome: Sendable {
        case stored(byteCount: Int)
        /// The peer has it no more, and nothing is wrong with that.
        case gone
        case wrong(String)
        case silent(String)
        /// This node's own disk.
        case failed(any Error)
    }

    /// Fetches what is missing from the peers that have the snapshot; false if they were lost before it was whole.
    ///
    /// What was checked stays in the staging, so that the next attempt, of this life or another, asks for the rest.
    func download(_ manifest: SnapshotManifest, _ choice: SnapshotChoice) async throws -> Bool {
        var waiting = try await staging.perform { try $0.staging.begin(manifest) }
        let total = manifest.chunks.count
        logger.notice(
            "snapshot \(manifest.height): \(total) chunks, \(total - waiting.count) are here, from \(choice.holders.count) peers"
        )
        var holders = choice.holders.filter { !liars.contains($0) }
        var load: [PeerID: Int] = [:]
        var byteCount = 0
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: (Int, PeerID, ChunkOutcome).self) { group in
            var active = 0
            while true {
                try Task.checkCancellation()
                while active < settings.chunksAtOnce, !waiting.isEmpty,
                    let peer = holders.filter({ load[$0, default: 0] < SnapshotServer.streamsPerPeer })
                        .min(by: { load[$0, default: 0] < load[$1, default: 0] })
                {
                    let index = waiting.removeLast()
                    load[peer, default: 0] += 1
                    active += 1
                    group.addTask { [self] in (index, peer, await fetch(index, of: manifest, from: peer)) }
                }
                guard active > 0, let (index, peer, outcome) = try await group.next() else { return }
                active -= 1
                load[peer, default: 1] -= 1
                if case .stored(let count) = outcome {
                    byteCount += count
                    let mebibytes = byteCount >> 20
                    say("\(total - waiting.count - active) of \(total) chunks, \(mebibytes) MiB in this life")
                    continue
                }
                waiting.append(index)
                holders.removeAll { $0 == peer }
                try await lost(peer, index, outcome)
            }
        }
        let seconds = max(1e-3, (ContinuousClock.now - started) / .seconds(1))
        logger.notice(
            "snapshot \(manifest.height): \(byteCount >> 10) KiB in \(Int(seconds * 1_000)) ms, \(waiting.count) chunks missing"
        )
        return waiting.isEmpty
    }

    private func lost(_ peer: PeerID, _ index: Int, _ outcome: ChunkOutcome) async throws {
        switch outcome {
        case .stored: break
        case .gone: rest(peer)
        case .wrong(let reason): await lied(peer, "chunk \(index): \(reason)")
        case .silent(let reason): await silent(peer, "chunk \(index): \(reason)")
        case .failed(let error): throw error
        }
    }

    /// One chunk: fetched, checked away from the actor, and stored.
    private nonisolated func fetch(
        _ index: Int, of manifest: SnapshotManifest, from peer: PeerID
    ) async -> ChunkOutcome {
        let root = manifest.chunks[index].root
        let content: [UInt8]
        do {
            guard let found = try await client.chunk(root, of: peer) else { return .gone }
            content = found
        } catch let error as WireError where error.code == .tooLong {
            return .wrong("\(error)")
        } catch {
            return .silent("\(error)")
        }
        do {
            try await FileWork.run { () throws(StateProofError) in try StateChunk.check(content, root: root) }
        } catch {
            return .wrong("\(error)")
        }
        do {
            try await staging.perform { try $0.staging.take(content, at: index, of: manifest) }
        } catch {
            return .failed(error)
        }
        await service.wasUseful(peer)
        return .stored(byteCount: content.count)
    }
}
