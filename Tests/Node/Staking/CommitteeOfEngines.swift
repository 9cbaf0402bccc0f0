import Ledger
import LedgerSupport
import PluginHost
import Primitives
import Reputation
import Staking
import Testing
import Tokens

@testable import Node

/// Kernels with the real engine of proof of stake, in one process and virtual time: what they send arrives at once, and
/// whoever is no validator gets blocks when they are final.
struct CommitteeOfEngines {
    private struct Member {
        var kernel: Kernel
        let key: SecretKey
        var timers: [UInt64: UInt64] = [:]
    }

    static let engine = "org.vinculum.consensus-pos"
    static let rules = Rules(NodeRuntime.modules)

    let genesis: Genesis
    private var members: [Member] = []
    private var queue: [(member: Int, event: KernelEvent)] = []
    private(set) var time: UInt64 = 1_700_000_000_000
    private(set) var blocks: [CommittedBlock] = []
    private(set) var faults: [String] = []
    private var sequences: [UInt64: UInt64] = [:]

    /// Consensus keys 0 to 3 are founders, whose operators are accounts 10 to 13; more keys have a kernel and no stake.
    init(kernels count: UInt64) throws {
        var parameters = StakingParameters()
        parameters.epochMilliseconds = 3_000
        parameters.dayMilliseconds = 1_000
        parameters.absenceProposals = 0
        let founders = (UInt64(0)..<4).map {
            Founder(
                operatorAccount: LedgerHarness.account(10 + $0), key: LedgerHarness.key($0).publicKey,
                stake: Amount(tokens: 100_000))
        }
        let staking = StakingGenesis(parameters: parameters, founders: founders)
        let allocations = (UInt64(1)..<20).map {
            Transfer(to: LedgerHarness.account($0), amount: Amount(tokens: 1_000_000))
        }
        genesis = Genesis(
            name: "committee", timeMilliseconds: time, engine: Self.engine,
            engineParameters: CBORMap([("batch_ms", .unsigned(0))]),
            validators: try #require(staking.validators()),
            sections: CBORMap([
                (key: "tokens", value: try TokensGenesis(allocations: allocations).section()),
                (key: "staking", value: try staking.section()),
            ]))
        let registry = try BuiltPlugins.engines()
        for number in 0..<count {
            let instance = try registry.consensus(Self.engine)
            try instance.start(snapshot: [])
            let key = LedgerHarness.key(number)
            let configuration = Kernel.Configuration(
                genesis: genesis, rules: Self.rules, beaconSigner: VRFBeaconSigner(key))
            let engine = PluginEngine(id: Self.engine, instance: instance, chain: genesis.chain)
            members.append(Member(kernel: try Kernel(configuration, engine: engine), key: key))
            let seed = Digest.blake2b256([UInt8(number)])
            queue.append((Int(number), .start(seed: seed, timeMilliseconds: time)))
        }
    }

    var heads: [ChainHead] { members.map(\.kernel.head) }

    /// Gives a call to all, a second later, and goes on until all have the block.
    mutating func decide(_ module: String, _ call: ActionCall, from number: UInt64) throws {
        time += 1_000
        let sequence = sequences[number, default: 0]
        sequences[number] = sequence + 1
        let body = TransactionBody(
            chain: genesis.chain, account: LedgerHarness.account(number), sequence: sequence,
            validUntilHeight: 1_000, feeLimit: Amount(tokens: 1), module: module, call: call)
        let transaction = try VerifiedTransaction(
            verifying: Transaction(body, signedBy: [LedgerHarness.key(number)]))
        for member in members.indices {
            queue.append((member, .transactions([transaction], timeMilliseconds: time)))
        }
        let target = UInt64(blocks.count) + 1
        for _ in 0..<20_000 where heads.contains(where: { $0.height < target }) || !queue.isEmpty { step() }
        #expect(heads.allSatisfy { $0.height == target }, "\(heads.map(\.height)) of \(target); \(faults)")
    }

    mutating func transfers(_ count: Int) throws {
        for _ in 0..<count {
            let transfer = Transfer(to: LedgerHarness.account(5), amount: Amount(tokens: 1))
            try decide("tokens", ActionCall("transfer", transfer), from: 4)
        }
    }

    // MARK: Virtual time

    private mutating func step() {
        if queue.isEmpty {
            let due = members.indices.flatMap { index in members[index].timers.map { (index, $0.key, $0.value) } }
            guard let next = due.min(by: { ($0.2, $0.0, $0.1) < ($1.2, $1.0, $1.1) }) else { return }
            time = max(time, next.2)
            members[next.0].timers[next.1] = nil
            queue.append((next.0, .timer(id: next.1, timeMilliseconds: time)))
        }
        let (index, event) = queue.removeFirst()
        for effect in members[index].kernel.step(event) { apply(effect, of: index) }
    }

    private mutating func apply(_ effect: KernelEffect, of index: Int) {
        let key = members[index].key
        switch effect {
        case .persist(let block):
            queue.insert((index, .persisted(height: block.header.height, timeMilliseconds: time)), at: 0)
        case .sign(let vote):
            queue.append((index, .voteSigned(vote, key.sign(vote.message), timeMilliseconds: time)))
        case .send(let recipient, let message, _):
            let set = members[index].kernel.head.validators
            for other in members.indices where other != index {
                let name = members[other].key.publicKey
                guard recipient.map({ $0 == name }) ?? (set.power(of: name) != nil) else { continue }
                queue.append((other, .message(sender: key.publicKey, message, timeMilliseconds: time)))
            }
        case .setTimer(let id, let due): members[index].timers[id] = due
        case .cancelTimer(let id): members[index].timers[id] = nil
        case .committed(let block): committed(block)
        case .engineFailed(let fault): faults.append("\(index): \(fault)")
        case .stopped(let error): faults.append("\(index): \(error)")
        case .blockRefused(_, let error): faults.append("\(index): \(error)")
        case .evidence: faults.append("\(index) accuses somebody")
        case .persistEngine, .rejected, .engineWanted: break
        }
    }

    private mutating func committed(_ block: CommittedBlock) {
        guard block.header.height == UInt64(blocks.count) + 1 else { return }
        blocks.append(block)
        let exported = ExportedBlock(
            certified: block.certifiedHeader, transactions: block.transactions.map(\.transaction.encoded),
            newValidators: block.newValidators)
        for other in members.indices {
            let head = members[other].kernel.head
            guard head.height < block.header.height, head.validators.power(of: members[other].key.publicKey) == nil
            else { continue }
            queue.append((other, .finalBlock(exported, timeMilliseconds: time)))
        }
    }
}
