import Ledger
import PeerNetwork
import Primitives
import Synchronization
import TestSupport
import Testing

@testable import Node

/// A peer that gives the snapshots of a node's file, all but what a test has it say otherwise.
final class ScriptedServer: Sendable {
    enum Lie: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case badChunk, cutChunk, longChunk, wrongManifest, foreignManifest, damagedManifest, garbage, bareHeader
        case goneChunk, endlessHeight, silentChunk

        var testDescription: String { rawValue }
        /// Whether it is a lie, and not bad luck.
        var isHeldAgainstIt: Bool {
            switch self {
            case .goneChunk, .endlessHeight, .silentChunk: false
            default: true
            }
        }
    }

    let host: PeerHost
    let address: String
    private let source: @Sendable () throws -> SnapshotSource
    private let lie: Lie?
    private let foreign: [UInt8]
    /// Chunks that it gives before it says that it has no more.
    private let chunkLimit: Int
    private let counts = Mutex((chunks: 0, all: 0))

    /// Chunks that were given, and requests of any kind.
    var given: (chunks: Int, all: Int) { counts.withLock { $0 } }

    init(_ truth: TestNode, lie: Lie? = nil, foreign: [UInt8] = [], chunkLimit: Int = .max) async throws {
        host = PeerHost(key: .generate(), logger: TestNode.quiet)
        let (path, genesis) = ("\(truth.folder)/ledger.sqlite", truth.genesis)
        source = { try SnapshotSource(path: path, genesis: genesis) }
        self.lie = lie
        self.foreign = foreign
        self.chunkLimit = chunkLimit
        let names = ChainProtocol(chain: genesis.chain)
        let listening = try await host.listen(at: try Multiaddr(text: "/ip4/127.0.0.1/tcp/0"))
        address = "\(listening.with(host.peer))"
        try host.handle(names.headers) { [self] in await headers($0) }
        try host.handle(names.snapshots) { [self] in await snapshots($0) }
    }

    private func headers(_ stream: PeerStream) async {
        counts.withLock { $0.all += 1 }
        guard let bytes = try? await stream.readMessage(limit: 256), let request = try? RangeRequest.decode(bytes)
        else { return stream.reset("no request") }
        for header in (try? source().headers(from: request.first, count: Int(request.count))) ?? [] {
            var header = header
            if lie == .bareHeader {
                header = LinkedHeader(
                    Ledger.CertifiedHeader(
                        header: header.certified.header, certificate: Certificate(round: 0, signatures: [])),
                    validators: header.validators)
            }
            try? await stream.writeMessage(header.encoded())
        }
        stream.close()
    }

    private func snapshots(_ stream: PeerStream) async {
        counts.withLock { $0.all += 1 }
        guard let bytes = try? await stream.readMessage(limit: 256), let request = try? SnapshotRequest.decode(bytes)
        else { return stream.reset("no request") }
        if lie == .silentChunk, case .chunk = request {
            try? await Task.sleep(for: .seconds(30))
        }
        try? await stream.writeMessage((try? answer(request)) ?? [])
        stream.close()
    }

    private func answer(_ request: SnapshotRequest) throws -> [UInt8] {
        if lie == .garbage { return [0xff, 0x00] }
        let source = try source()
        switch request {
        case .offers:
            return SnapshotOffer.encodeList(
                try source.heights().map { height in
                    let manifest = try manifest(height, source)
                    return SnapshotOffer(
                        height: lie == .endlessHeight ? 1 << 60 : height, manifestDigest: .blake2b256(manifest),
                        chunkCount: 3)
                })
        case .manifest(let height):
            let bytes = try manifest(height, source)
            return lie == .damagedManifest ? bytes.reversed() : bytes
        case .chunk(let root):
            guard lie != .goneChunk, given.chunks < chunkLimit, let content = try source.chunk(root) else { return [] }
            counts.withLock { $0.chunks += 1 }
            switch lie {
            case .badChunk: return content.dropLast() + [content[content.count - 1] ^ 1]
            case .cutChunk: return Array(content.dropLast())
            case .longChunk: return content + [UInt8](repeating: 0, count: SnapshotManifest.chunkByteLimit)
            default: return content
            }
        }
    }

    private func manifest(_ height: UInt64, _ source: SnapshotSource) throws -> [UInt8] {
        guard let good = try source.manifest(height: height) else { return [] }
        switch lie {
        case .foreignManifest: return foreign
        case .wrongManifest:
            return SnapshotManifest(
                certified: good.certified, validators: good.validators, nextValidators: good.nextValidators,
                history: good.history, nextEventSequence: good.nextEventSequence,
                chunks: good.chunks.map { SnapshotManifest.Chunk(root: .blake2b256([1]), firstPath: $0.firstPath) }
            ).encoded()
        default: return good.encoded()
        }
    }
}
