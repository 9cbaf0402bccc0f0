import Consensus
import Ledger
import LedgerSupport
import Primitives
import Tokens

/// Consensus of one validator, as a fixture of the kernel's tests.
struct SoloFixture: ConsensusEngine {
    let id: String
    let chain: CID
    var failsNext = false
    private var height: UInt64 = 0
    private var isBusy = false
    private var key: PublicKey?

    init(chain: CID, id: String = "solo-fixture") {
        self.chain = chain
        self.id = id
    }

    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect] {
        switch event.kind {
        case .start(let start):
            (height, key) = (start.height, start.ownKey)
            return []
        case .transactions(let count, _): return propose(count, event.timeMilliseconds)
        case .proposalBuilt(let height, let round, let headerID, _):
            guard let headerID else {
                isBusy = false
                return []
            }
            return [.signVote(Vote(chain: chain, height: height, round: round, step: .commit, headerID: headerID))]
        case .voteSigned(let vote, let signature?):
            guard let key else { return [] }
            let signed = SignedBy(key: key, signature: signature)
            return [.decide(height: vote.height, round: vote.round, headerID: vote.headerID, signatures: [signed])]
        case .committed(let height, _, _, _, let waiting, _):
            (self.height, isBusy) = (height, false)
            return propose(waiting, event.timeMilliseconds)
        case .message(_, let attachment?, _, _):
            return [.validate(height: height + 1, round: 0, headerID: attachment)]
        case .validated(_, _, let id, let code, _):
            return [.persist(Array("\(id) \(code)".utf8))]
        case .timer: throw ConsensusFault(code: 7, reason: "a timer that was never set")
        default: return []
        }
    }

    private mutating func propose(_ waiting: UInt64, _ time: UInt64) -> [ConsensusEffect] {
        guard waiting > 0, !isBusy else { return [] }
        isBusy = true
        return [.propose(height: height + 1, round: 0, timeMilliseconds: time)]
    }

    func snapshot() -> [UInt8] { [] }
}

/// A chain of one validator in memory, and on disk if it has an archive.
struct TestChain {
    static let validator = LedgerHarness.key(0)
    static let rules = Rules([TokensModule(), ConsensusModule()])

    let genesis: Genesis
    var kernel: Kernel
    var archive: LedgerArchive?
    var blocks: [CommittedBlock] = []
    var refusals: [Refusal] = []
    var refusedBlocks: [TrustError] = []
    var faults: [ConsensusFault] = []
    var engineStates: [[UInt8]] = []
    /// Whether the host makes the engines that the ledger puts in charge.
    var hasAllEngines = true
    var time: UInt64 = 1_700_000_000_000

    static func genesis(
        accounts: UInt64 = 10, parameters: LedgerParameters = LedgerParameters(), engines: ConsensusGenesis? = nil
    ) throws -> Genesis {
        let allocations = (1...accounts).map { Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000)) }
        var sections = CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())])
        if let engines { sections[ConsensusPaths.module] = try engines.section() }
        return Genesis(
            name: "test", timeMilliseconds: 1_700_000_000_000, engine: "solo-fixture",
            validators: ValidatorSet(solo: validator.publicKey), parameters: parameters, sections: sections)
    }

    static func configuration(_ genesis: Genesis) -> Kernel.Configuration {
        Kernel.Configuration(genesis: genesis, rules: rules, beaconSigner: VRFBeaconSigner(validator))
    }

    init(genesis: Genesis, archive: LedgerArchive? = nil) throws {
        self.genesis = genesis
        self.archive = archive
        kernel = try Kernel(TestChain.configuration(genesis), engine: SoloFixture(chain: genesis.chain))
        try run(.start(seed: .zero, timeMilliseconds: time))
    }

    /// Goes on from what an archive restored.
    init(genesis: Genesis, restoring archive: LedgerArchive) throws {
        self.genesis = genesis
        self.archive = archive
        guard let restored = try archive.restore(genesis: genesis, rules: TestChain.rules) else {
            throw Refusal(.stateCorrupt, "nothing to restore")
        }
        kernel = try Kernel(
            TestChain.configuration(genesis), engine: nil, state: restored.state, head: restored.head,
            history: restored.history)
        time = restored.head.timeMilliseconds
        try makeEngine()
    }

    /// As a host does at the start, and where the ledger puts another engine in charge.
    mutating func makeEngine() throws {
        let engine = SoloFixture(chain: genesis.chain, id: kernel.engineInCharge.engine)
        try run(.engine(engine, seed: .zero, timeMilliseconds: time))
    }

    mutating func submit(_ transactions: [VerifiedTransaction]) throws {
        time += 1_000
        try run(.transactions(transactions, timeMilliseconds: time))
    }

    mutating func run(_ event: KernelEvent) throws {
        var events = [event]
        while let event = events.popLast() {
            for effect in kernel.step(event) {
                switch effect {
                case .persist(let block):
                    try archive?.append(block)
                    events.append(.persisted(height: block.header.height, timeMilliseconds: time))
                case .sign(let vote):
                    events.append(.voteSigned(vote, TestChain.validator.sign(vote.message), timeMilliseconds: time))
                case .committed(let block):
                    blocks.append(block)
                    try Supply.checkConservation(kernel.committedState())
                case .rejected(_, let refusal): refusals.append(refusal)
                case .blockRefused(_, let error): refusedBlocks.append(error)
                case .engineFailed(let fault): faults.append(fault)
                case .persistEngine(let state, _): engineStates.append(state)
                case .engineWanted(let activation):
                    guard hasAllEngines else { break }
                    let engine = SoloFixture(chain: genesis.chain, id: activation.engine)
                    events.append(.engine(engine, seed: .zero, timeMilliseconds: time))
                case .stopped(let error): throw error
                default: break
                }
            }
        }
    }

    func body(
        from: UInt64, sequence: UInt64, lane: UInt8 = 0, validUntil: UInt64 = 1_000, payer: AccountID? = nil,
        feeLimit: Amount = Amount(baseUnits: 1_000_000_000_000_000), to: UInt64 = 2, amount: Amount = Amount(tokens: 1),
        chain: CID? = nil
    ) -> TransactionBody {
        TransactionBody(
            chain: chain ?? genesis.chain, account: LedgerHarness.account(from), lane: lane, sequence: sequence,
            validUntilHeight: validUntil, payer: payer, feeLimit: feeLimit, module: "tokens",
            call: ActionCall("transfer", Transfer(to: LedgerHarness.account(to), amount: amount)))
    }

    func transfer(from: UInt64, sequence: UInt64, to: UInt64 = 2, amount: Amount = Amount(tokens: 1)) throws
        -> VerifiedTransaction
    {
        try VerifiedTransaction(
            verifying: Transaction(
                body(from: from, sequence: sequence, to: to, amount: amount), signedBy: [LedgerHarness.key(from)]))
    }
}

/// A random source with a seed (SplitMix64, Steele et al. 2014); failures print the seed.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
