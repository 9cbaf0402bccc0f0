import Ledger
import LedgerSupport
import Primitives
import Reputation
import Staking
import Synchronization
import Tokens

/// Consensus of validators whose keys are all here: decides what it proposes with the signatures of the set that it was
/// told last.
struct CommitteeFixture: ConsensusEngine {
    /// What engines of a test were told, by height.
    final class Log: Sendable {
        private let sets = Mutex<[UInt64: ValidatorSet?]>([:])

        func note(_ set: ValidatorSet?, height: UInt64) { sets.withLock { $0[height] = set } }
        /// The set that came with a block; nil inside where none came, nil outside for a block that was not told.
        subscript(height: UInt64) -> ValidatorSet?? { sets.withLock { $0[height] } }
    }

    let id = "committee-fixture"
    let chain: CID
    let log: Log
    private var height: UInt64 = 0
    private var isBusy = false
    private var key: PublicKey?
    private var validators: ValidatorSet?

    init(chain: CID, log: Log) {
        self.chain = chain
        self.log = log
    }

    mutating func step(_ event: ConsensusEvent) throws(ConsensusFault) -> [ConsensusEffect] {
        switch event.kind {
        case .start(let start):
            (height, key, validators) = (start.height, start.ownKey, start.validators)
            return []
        case .transactions(let count, _): return propose(count, event.timeMilliseconds)
        case .proposalBuilt(let height, let round, let headerID, _):
            guard let headerID else {
                isBusy = false
                return []
            }
            let vote = Vote(chain: chain, height: height, round: round, step: .commit, headerID: headerID)
            return [.decide(height: height, round: round, headerID: headerID, signatures: signatures(vote))]
        case .committed(let height, _, _, _, let waiting, let changed):
            (self.height, isBusy) = (height, false)
            log.note(changed, height: height)
            validators = changed ?? validators
            return propose(waiting, event.timeMilliseconds)
        default: return []
        }
    }

    private func signatures(_ vote: Vote) -> [SignedBy] {
        let keys = (UInt64(0)..<10).map { LedgerHarness.key($0) }
        let known = keys.filter { validators?.power(of: $0.publicKey) != nil }
        return known.map { SignedBy(key: $0.publicKey, signature: $0.sign(vote.message)) }
            .sorted { $0.key < $1.key }
    }

    private mutating func propose(_ waiting: UInt64, _ time: UInt64) -> [ConsensusEffect] {
        guard waiting > 0, !isBusy, key != nil else { return [] }
        isBusy = true
        return [.propose(height: height + 1, round: 0, timeMilliseconds: time)]
    }

    func snapshot() -> [UInt8] { [] }
}

/// A chain with staking: consensus keys 0 to 2 are its founders, whose operators are accounts 10 to 12. Key 0 proposes.
/// Blocks are a second apart, and five of them an epoch.
struct StakedChain {
    static let rules = Rules([TokensModule(), ReputationModule(), StakingModule()])

    let genesis: Genesis
    let log = CommitteeFixture.Log()
    var kernel: Kernel
    var archive: LedgerArchive?
    var blocks: [CommittedBlock] = []
    var refusedBlocks: [TrustError] = []
    var time: UInt64 = 1_700_000_000_000
    private var sequences: [UInt64: UInt64] = [:]

    static func genesis(validators: ValidatorSet? = nil) throws -> Genesis {
        var parameters = StakingParameters()
        parameters.epochMilliseconds = 5_000
        parameters.dayMilliseconds = 1_000
        parameters.absenceProposals = 0
        let founders = (UInt64(0)..<3).map {
            Founder(
                operatorAccount: LedgerHarness.account(10 + $0), key: LedgerHarness.key($0).publicKey,
                stake: Amount(tokens: 100_000))
        }
        let staking = StakingGenesis(parameters: parameters, founders: founders)
        let allocations = (UInt64(1)..<20).map {
            Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000))
        }
        guard let set = validators ?? staking.validators() else { throw Refusal(.malformed, "no set") }
        return Genesis(
            name: "staked", timeMilliseconds: 1_700_000_000_000, engine: "committee-fixture", validators: set,
            sections: CBORMap([
                (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
                (key: "staking", value: try staking.section()),
            ]))
    }

    private static func configuration(_ genesis: Genesis, follows: Bool) -> Kernel.Configuration {
        Kernel.Configuration(
            genesis: genesis, rules: rules, beaconSigner: follows ? nil : VRFBeaconSigner(LedgerHarness.key(0)))
    }

    /// - Parameter restores: the archive holds a chain already.
    init(genesis: Genesis, archive: LedgerArchive? = nil, restores: Bool = false, follows: Bool = false) throws {
        self.genesis = genesis
        self.archive = archive
        let engine = CommitteeFixture(chain: genesis.chain, log: log)
        let configuration = Self.configuration(genesis, follows: follows)
        if restores, let restored = try archive?.restore(genesis: genesis, rules: Self.rules) {
            kernel = try Kernel(
                configuration, engine: engine, state: restored.state, head: restored.head, history: restored.history)
            time = restored.head.timeMilliseconds
        } else {
            kernel = try Kernel(configuration, engine: engine)
        }
        try run(.start(seed: .zero, timeMilliseconds: time))
    }

    mutating func run(_ event: KernelEvent) throws {
        var events = [event]
        while let event = events.popLast() {
            for effect in kernel.step(event) {
                switch effect {
                case .persist(let block):
                    try archive?.append(block)
                    events.append(.persisted(height: block.header.height, timeMilliseconds: time))
                case .committed(let block):
                    blocks.append(block)
                    try Supply.checkConservation(kernel.committedState())
                case .blockRefused(_, let error): refusedBlocks.append(error)
                case .rejected(_, let refusal): throw refusal
                case .engineFailed(let fault): throw fault
                case .stopped(let error): throw error
                default: break
                }
            }
        }
    }

    /// Makes a block of one call.
    mutating func call(_ module: String, _ call: ActionCall, from number: UInt64) throws {
        time += 1_000
        let account = LedgerHarness.account(number)
        let body = TransactionBody(
            chain: genesis.chain, account: account, sequence: try kernel.committedState().account(account).sequences[0],
            validUntilHeight: kernel.head.height + 100, feeLimit: Amount(tokens: 1), module: module, call: call)
        let transaction = try VerifiedTransaction(
            verifying: Transaction(body, signedBy: [LedgerHarness.key(number)]))
        try run(.transactions([transaction], timeMilliseconds: time))
    }

    /// Makes so many blocks of a transfer each.
    mutating func blocks(_ count: Int) throws {
        for _ in 0..<count {
            try call(
                "tokens",
                ActionCall("transfer", Transfer(to: LedgerHarness.account(5), amount: Amount(tokens: 1))), from: 4)
        }
    }

    /// A validator with a key of its own joins, and is elected at the end of the epoch.
    mutating func join(_ number: UInt64, tokens: UInt64 = 200_000) throws {
        let body = RegisterBody(
            key: LedgerHarness.key(number), of: LedgerHarness.account(10 + number), chain: genesis.chain, commission: 0,
            maximumCommission: 0, stake: Amount(tokens: tokens), term: .month)
        try call("staking", ActionCall("register", body), from: 10 + number)
    }

    /// A chain of so many changes of its validators, and some blocks after the last.
    static func changing(
        archive: LedgerArchive? = nil, genesis: Genesis? = nil, changes: UInt64 = 2
    ) throws -> StakedChain {
        var chain = try StakedChain(genesis: try genesis ?? Self.genesis(), archive: archive)
        for number in 0..<changes {
            try chain.join(3 + number)
            try chain.blocks(6)
        }
        return chain
    }

    var exported: [ExportedBlock] {
        blocks.map {
            ExportedBlock(
                certified: $0.certifiedHeader, transactions: $0.transactions.map(\.transaction.encoded),
                newValidators: $0.newValidators)
        }
    }

    var handovers: [Handover] {
        blocks.compactMap { block in
            block.newValidators.map { Handover(certified: block.certifiedHeader, validators: $0) }
        }
    }
}
