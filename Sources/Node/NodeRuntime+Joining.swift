import Glibc
import Ledger
import Logging
import PeerNetwork
import Primitives
import Storage

extension NodeRuntime {
    /// For a node whose configuration names a checkpoint and whose folder holds no block yet: brings a snapshot of the
    /// state here before the kernel starts. Returns when the ledger's file stands, or when there is none to be had and
    /// the chain is to be taken block by block.
    ///
    /// - Throws: `TrustError` where the checkpoint is not on the chain of any peer, or not on this node's own.
    static func join(
        _ configuration: NetworkConfiguration, genesis: Genesis, path: String, logger: Logger,
        settings: StateJoin.Settings = StateJoin.Settings()
    ) async throws {
        guard let checkpoint = configuration.checkpoint else { return }
        guard try await FileWork.run({ try needsState(path, genesis, checkpoint) }) else {
            return SnapshotStaging.discard(target: path)
        }
        guard configuration.isOn else { return }
        let names = ChainProtocol(chain: genesis.chain)
        let files = PeerFiles(folder: configuration.folder)
        var service = configuration.service(network: names.network)
        // Nothing to give away yet: it dials, and is not found.
        service.listen = []
        let peers = try PeerService(
            key: try files.key(configuration.keyFile), configuration: service, saved: files.read(logger), logger: logger
        )
        try await peers.start()
        let staging: SerialThread<StagingThread>
        do {
            staging = try await SerialThread(name: "joining") {
                StagingThread(staging: try SnapshotStaging(target: path, chain: genesis.chain))
            }
        } catch {
            _ = await peers.stop()
            throw error
        }
        let join = StateJoin(
            checkpoint: checkpoint, chain: genesis.chain, service: peers, names: names, staging: staging,
            settings: settings, logger: logger)
        let result: Result<StateJoin.Outcome, any Error>
        do { result = .success(try await join.run()) } catch { result = .failure(error) }
        files.write(await peers.stop(), logger)
        await staging.stop()
        switch try result.get() {
        case .installed(let height): logger.notice("joined: the ledger begins at height \(height)")
        case .blockByBlock:
            SnapshotStaging.discard(target: path)
            logger.warning("no peer has a snapshot: the chain is taken block by block, and checked at the checkpoint")
        }
    }

    /// Whether there is no block yet. A chain that is here already has to hold the checkpoint, or to come to it.
    private static func needsState(_ path: String, _ genesis: Genesis, _ checkpoint: Checkpoint) throws -> Bool {
        guard DurableFile.exists(path) else { return true }
        let archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        guard let last = try archive.database.lastHeight() else {
            // The state of the genesis alone, as an earlier start without peers has left it: it is made again if
            // needed.
            for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) }
            return true
        }
        if checkpoint.height <= last, checkpoint.height >= (try archive.database.baseHeight()) {
            try checkpoint.check(try archive.certifiedHeader(height: checkpoint.height).header)
        }
        return false
    }
}
