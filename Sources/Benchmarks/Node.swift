import Ledger
import Primitives
import Storage
import Tokens

/// A ledger with a disk and one validator, driven as a node drives it: persist, sync, sign, commit.
struct BenchNode {
    let key: SecretKey
    let genesis: Genesis
    var kernel: Kernel
    let archive: LedgerArchive
    private(set) var committed = 0
    private(set) var rejected = 0
    private(set) var firstRefusal: Refusal?
    private var time: UInt64

    static let rules = Rules([TokensModule()])

    static func genesis(accounts: Int, key: SecretKey, senders: [AccountID]) throws -> Genesis {
        var allocations = senders.map { Transfer(to: $0, amount: Amount(tokens: 1_000)) }
        allocations.reserveCapacity(accounts)
        for number in senders.count..<max(accounts, senders.count) {
            allocations.append(Transfer(to: account(number), amount: Amount(tokens: 1)))
        }
        return Genesis(
            name: "bench", timeMilliseconds: 1_700_000_000_000, engine: "solo-fixture",
            validators: ValidatorSet(solo: key.publicKey),
            sections: CBORMap([(key: "tokens", value: try TokensGenesis(allocations: allocations).section())]))
    }

    /// An account that only receives.
    static func account(_ number: Int) -> AccountID {
        AccountID(kind: .key, payload: .blake2b256(signedBytes(kind: "bench-account", body: UInt64(number))))
    }

    init(genesis: Genesis, key: SecretKey, path: String) throws {
        self.key = key
        self.genesis = genesis
        var engine = SoloFixture()
        engine.chain = genesis.chain
        archive = try LedgerArchive.open(path: path, chain: genesis.chain)
        kernel = try Kernel(
            Kernel.Configuration(
                genesis: genesis, rules: BenchNode.rules, beaconSigner: VRFBeaconSigner(key)),
            engine: engine)
        time = genesis.timeMilliseconds
        try archive.takeSnapshot(of: kernel.committedState().store, height: 0)
        try archive.database.checkpoint()
        try run(.start(seed: .zero, timeMilliseconds: time))
    }

    /// Hands transactions over and does what the kernel asks for until it is idle.
    mutating func submit(_ transactions: [VerifiedTransaction]) throws {
        time += 10
        try run(.transactions(transactions, timeMilliseconds: time))
    }

    private mutating func run(_ event: KernelEvent) throws {
        var events = [event]
        while let event = events.popLast() {
            for effect in kernel.step(event) {
                switch effect {
                case .persist(let block):
                    try archive.append(block)
                    events.append(.persisted(height: block.header.height, timeMilliseconds: time))
                case .sign(let vote):
                    events.append(.voteSigned(vote, key.sign(vote.message), timeMilliseconds: time))
                case .committed(let block):
                    committed += block.transactions.count
                    let store = kernel.committedState().store
                    if archive.wantsSnapshot(stateByteCount: store.contentByteCount) {
                        try archive.takeSnapshot(of: store, height: block.header.height)
                    }
                case .rejected(_, let refusal):
                    rejected += 1
                    if firstRefusal == nil { firstRefusal = refusal }
                default: break
                }
            }
        }
    }
}
