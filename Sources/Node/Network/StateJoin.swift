import Ledger
import Logging
import PeerNetwork
import Primitives

/// Brings a new node to a recent state of its chain, from a checkpoint that its operator trusts and a snapshot that
/// nobody has to be trusted for.
///
/// The checkpoint's header is known by its id; every other header is reached from it by certificates; a snapshot's
/// manifest is proven by its header, and each chunk by the manifest. So the first wrong byte shows who sent it.
actor StateJoin {
    struct Settings: Sendable {
        /// How long peers that know another block at the checkpoint's height are believed to be the odd ones, and how
        /// long a snapshot is waited for where peers have none.
        var patience: Duration = .seconds(30)
        var retryInterval: Duration = .milliseconds(500)
        var progressInterval: Duration = .seconds(10)
        /// Chunks that are fetched at once, and held in memory.
        var chunksAtOnce = 8
        /// A peer that did not answer is left in peace for so long.
        var rest: Duration = .seconds(10)
        var timeout: Duration = .seconds(30)
    }

    enum Outcome: Hashable, Sendable {
        /// The ledger's file stands, and begins at a height.
        case installed(height: UInt64)
        /// No peer has a snapshot: the chain is taken block by block.
        case blockByBlock
    }

    let checkpoint: Checkpoint
    let chain: CID
    let service: PeerService
    let client: SnapshotClient
    let staging: SerialThread<StagingThread>
    let settings: Settings
    let logger: Logger
    /// Peers that gave what does not hold; none of them is asked again.
    var liars: Set<PeerID> = []
    private var resting: [PeerID: ContinuousClock.Instant] = [:]
    private var lastWord: ContinuousClock.Instant?

    init(
        checkpoint: Checkpoint, chain: CID, service: PeerService, names: ChainProtocol,
        staging: SerialThread<StagingThread>, settings: Settings, logger: Logger
    ) {
        self.checkpoint = checkpoint
        self.chain = chain
        self.service = service
        client = SnapshotClient(service: service, names: names, timeout: settings.timeout)
        self.staging = staging
        self.settings = settings
        self.logger = logger
    }

    /// Runs until the state is here, or there is nothing to wait for.
    /// - Throws: `TrustError` with `wrongCheckpoint` where peers have another chain, errors of the disk, cancellation.
    func run() async throws -> Outcome {
        let trusted = try await findCheckpoint()
        logger.notice("checkpoint \(checkpoint) is on the chain of a peer")
        var withoutOffers: ContinuousClock.Instant?
        while true {
            try Task.checkCancellation()
            let (offers, answers) = await askForOffers()
            if let choice = SnapshotChoice(offers, checkpoint: checkpoint) {
                withoutOffers = nil
                if let manifest = try await manifest(choice, trusted), try await download(manifest, choice) {
                    try await staging.perform { try $0.staging.install(manifest) }
                    return .installed(height: manifest.height)
                }
            } else if answers > 0 {
                let since = withoutOffers ?? .now
                withoutOffers = since
                if .now - since >= settings.patience { return .blockByBlock }
                say("\(answers) peers have no snapshot yet")
            } else {
                say("no peer gives snapshots; \(service.host.connectedPeers.count) are connected")
            }
            try await Task.sleep(for: settings.retryInterval)
        }
    }

    // MARK: The checkpoint

    private func findCheckpoint() async throws -> LinkedHeader {
        var others: Set<PeerID> = []
        var firstOther: ContinuousClock.Instant?
        while true {
            try Task.checkCancellation()
            let height = checkpoint.height
            let found = await askAll { [client] peer in try await client.headers(from: height, count: 1, of: peer) }
            for (peer, headers) in found {
                guard let linked = headers.first else { continue }
                guard linked.certified.header.id == checkpoint.headerID else {
                    others.insert(peer)
                    continue
                }
                guard let validators = linked.validators, linked.certified.header.chain == chain,
                    (try? HeaderPath(from: linked.certified, validators: validators)) != nil
                else {
                    await lied(peer, "the checkpoint's header without the signatures of its validators")
                    continue
                }
                return linked
            }
            if !others.isEmpty {
                let since = firstOther ?? .now
                firstOther = since
                guard .now - since < settings.patience else {
                    throw TrustError(
                        .wrongCheckpoint,
                        "\(others.count) peers have another block \(height) than the checkpoint \(checkpoint), "
                            + "and none "
                            + "has this one: the checkpoint is of another chain, or these peers are")
                }
            }
            say("no peer has the header of checkpoint \(height) yet; \(service.host.connectedPeers.count) connected")
            try await Task.sleep(for: settings.retryInterval)
        }
    }

    /// Fetches and proves a manifest; nil if the peer that was asked does not give one that holds.
    private func manifest(_ choice: SnapshotChoice, _ trusted: LinkedHeader) async throws -> SnapshotManifest? {
        guard let peer = choice.holders.randomElement() else { return nil }
        do {
            guard let bytes = try await client.manifest(choice.height, of: peer) else {
                rest(peer)
                return nil
            }
            guard Digest.blake2b256(bytes) == choice.manifestDigest else {
                throw TrustError(.malformed, "the manifest is not the one that was offered")
            }
            let manifest = try SnapshotManifest.decode(bytes)
            guard manifest.height == choice.height else {
                throw TrustError(.malformed, "the manifest is of height \(manifest.height)")
            }
            try manifest.verify(chain: chain)
            try await reach(manifest, from: trusted, of: peer)
            return manifest
        } catch let error where error is TrustError || error is CBORError {
            await lied(peer, "manifest of snapshot \(choice.height): \(error)")
            return nil
        } catch let error as WireError {
            await silent(peer, "manifest of snapshot \(choice.height): \(error)")
            return nil
        }
    }

    /// Throws unless certified headers lead from the checkpoint to the snapshot's header, or from there to it.
    private func reach(_ manifest: SnapshotManifest, from trusted: LinkedHeader, of peer: PeerID) async throws {
        let header = manifest.certified.header
        let anchor = trusted.certified.header
        try checkpoint.check(header)
        if header.height == anchor.height { return }
        // Whom the checkpoint hands over to has certified the header itself.
        if header.height > anchor.height, header.timeMilliseconds > anchor.timeMilliseconds,
            header.validatorSetDigest == anchor.nextValidatorSetDigest
        {
            return
        }
        let isAbove = header.height > anchor.height
        guard let validators = trusted.validators else { throw TrustError(.wrongValidatorSet, "no validators") }
        var path =
            isAbove
            ? try HeaderPath(from: trusted.certified, validators: validators)
            : try HeaderPath(from: manifest.certified, validators: manifest.validators)
        let end = max(header.height, anchor.height)
        while path.last.height < end {
            try Task.checkCancellation()
            let count = Int(clamping: min(UInt64(ChainProtocol.headersPerRequest), end - path.last.height))
            let headers = try await client.headers(from: path.last.height + 1, count: count, of: peer)
            guard !headers.isEmpty else {
                throw WireError(.refused, "the peer has no header \(path.last.height + 1)", at: "headers")
            }
            for header in headers { try path.take(header) }
        }
        guard path.last.id == (isAbove ? header.id : checkpoint.headerID) else {
            throw TrustError(.wrongCheckpoint, "the snapshot's headers do not lead to checkpoint \(checkpoint)")
        }
    }

    // MARK: Peers

    /// Which snapshots there are, and how many peers have answered.
    private func askForOffers() async -> (offers: [PeerID: [SnapshotOffer]], answers: Int) {
        let answers = await askAll { [client] peer in try await client.offers(of: peer) }
        return (answers, answers.count)
    }

    /// Asks all peers that may be asked at the same time.
    private func askAll<Answer: Sendable>(
        _ question: @escaping @Sendable (PeerID) async throws -> Answer
    ) async -> [PeerID: Answer] {
        let now = ContinuousClock.now
        let peers = service.host.connectedPeers.filter { !liars.contains($0) && (resting[$0] ?? now) <= now }
        return await withTaskGroup(of: (PeerID, Result<Answer, any Error>).self) { group in
            for peer in peers.shuffled().prefix(Self.peersAsked) {
                group.addTask {
                    do { return (peer, .success(try await question(peer))) } catch { return (peer, .failure(error)) }
                }
            }
            var answers: [PeerID: Answer] = [:]
            for await (peer, result) in group {
                switch result {
                case .success(let answer): answers[peer] = answer
                case .failure(let error): await failed(peer, error)
                }
            }
            return answers
        }
    }

    private static let peersAsked = 16

    private func failed(_ peer: PeerID, _ error: any Error) async {
        switch error {
        case is CBORError, is TrustError: await lied(peer, "\(error)")
        // A peer of an earlier program, or one that is still starting.
        default: rest(peer)
        }
    }

    /// A peer gave what cannot be true.
    func lied(_ peer: PeerID, _ detail: String) async {
        liars.insert(peer)
        await service.report(.invalidSnapshot, by: peer, detail)
    }

    /// A peer gave nothing in time, or broke off.
    func silent(_ peer: PeerID, _ detail: String) async {
        rest(peer)
        await service.report(.timeout, by: peer, detail)
    }

    func rest(_ peer: PeerID) {
        if resting.count > 1_024 { resting = [:] }
        resting[peer] = .now + settings.rest
    }

    /// How things stand, now and then.
    func say(_ word: @autoclosure () -> String) {
        guard lastWord.map({ .now - $0 >= settings.progressInterval }) ?? true else { return }
        lastWord = .now
        logger.notice("joining at checkpoint \(checkpoint.height): \(word())")
    }
}

/// The snapshot to take of those that are offered: the newest at or above the checkpoint, else the newest below it,
/// from which headers lead up to the checkpoint. Of several of one height, the one that most peers have.
struct SnapshotChoice: Hashable, Sendable {
    let height: UInt64
    let manifestDigest: Digest
    let holders: [PeerID]

    init?(_ offers: [PeerID: [SnapshotOffer]], checkpoint: Checkpoint) {
        var holders: [SnapshotOffer: [PeerID]] = [:]
        for (peer, list) in offers {
            for offer in list where offer.height > 0 { holders[offer, default: []].append(peer) }
        }
        let best = holders.max { left, right in
            let (isLeft, isRight) = (left.key.height >= checkpoint.height, right.key.height >= checkpoint.height)
            if isLeft != isRight { return isRight }
            return (left.key.height, left.value.count) < (right.key.height, right.value.count)
        }
        guard let best else { return nil }
        height = best.key.height
        manifestDigest = best.key.manifestDigest
        self.holders = best.value
    }
}
