import Consensus
import Federation
import Ledger
import LedgerSupport
import Market
import Primitives
import Privacy
import Reputation
import Staking
import Tokens

extension FuzzGroups {
    /// Everything that is signed, hashed or stored as DAG-CBOR: decoded, and encoded to the same bytes.
    package static let records = FuzzGroup(
        "records", "headers, certificates, blocks, bodies of actions and records of the state",
        targets: [
            .taskInput, .record(Header.self), .record(Block.self, seeds: [RecordPool.block]), .record(Certificate.self),
            .record(CertifiedHeader.self), .record(Vote.self, seeds: [RecordPool.vote]), .record(ValidatorSet.self),
            .record(Genesis.self), .record(LedgerParameters.self), .record(Receipt.self, seeds: RecordPool.receipts),
            .record(Event.self, seeds: RecordPool.receipts.flatMap(\.events)), .record(Account.self),
            .record(Authorisation.self), .record(TransactionBody.self, seeds: [RecordPool.body]),
            .record([StateChange].self), .record(StateEntry.self), .record(CBORValue.self),
            .record(Transfer.self), .record(TransferBatch.self), .record(BurnOrder.self),
            .record(TokensParameters.self), .record(SupplyCounters.self), .record(ReputationRecord.self),
            .record(DatasetRegistration.self), .record(ReserveBody.self, seeds: [RecordPool.reserve]),
            .record(SpendBody.self, seeds: [RecordPool.spend]), .record(ReleaseBody.self), .record(RetireBody.self),
            .record(DatasetRecord.self), .record(ReservationRecord.self), .record(SpendRecord.self),
            .record(SubmitBody.self), .record(AcceptBody.self), .record(RefuseBody.self), .record(JobBody.self),
            .record(ReplaceBody.self), .record(RegisterAuditorBody.self), .record(RetireAuditorBody.self),
            .record(CommitBody.self), .record(RevealBody.self), .record(VerdictBody.self), .record(ProposeBody.self),
            .record(ConfirmBody.self), .record(EvidenceBody.self), .record(JobTerms.self), .record(JobRecord.self),
            .record(RoundRecord.self), .record(MemberRecord.self), .record(SubmissionRecord.self),
            .record(AuditorRecord.self), .record(LineageRecord.self), .record(FederationParameters.self),
            .record(OfferTerms.self), .record(OfferRecord.self), .record(SubmitTaskBody.self),
            .record(WithdrawOfferBody.self), .record(TaskBody.self), .record(TaskCommitBody.self),
            .record(TaskRevealBody.self), .record(AnswerBody.self), .record(TaskVerdictBody.self),
            .record(TaskRecord.self),
            .record(RegisterBody.self), .record(CommissionBody.self), .record(DelegateBody.self),
            .record(RelockBody.self), .record(UnbondBody.self), .record(EmptyBody.self),
            .record(ReportBody.self, seeds: [ReportBody(evidence: LedgerScript.contradiction(height: 1))]),
            .record(StakingParameters.self, seeds: [StakingParameters()]),
            .record(StakingGenesis.self, seeds: [LedgerScript.stakingGenesis]),
            .record(ValidatorRecord.self), .record(PositionRecord.self), .record(SharePool.self),
            .record(RewardPool.self, seeds: [RewardPool()]), .record(ActiveSet.self), .record(EpochState.self),
            .record(EpochRecord.self), .record(AppraiseBody.self, seeds: [AppraiseBody(commitment: .zero)]),
            .record(AppraisalRecord.self, seeds: [AppraisalRecord(epoch: 1, commitment: .zero)]),
            .record(RevealAppraisalsBody.self, seeds: [LedgerScript.appraisals]),
            .record(Standing.self, seeds: [Standing()]),
            .record(SwapBody.self), .record(CancelBody.self),
            .record(Approval.self, seeds: [Approval(swap: nil)]),
            .record(ConsensusGenesis.self, seeds: [LedgerScript.engines]), .record(EngineSchedule.self),
            .record(ValidatorSchedule.self), .record(Handover.self, seeds: [handover]),
            .record(Evidence.self, seeds: [LedgerScript.contradiction(height: 1)]), texts,
        ])

    /// Ids, accounts, amounts and content ids as people write them: what parses prints, and parses again, to the same.
    private static let texts = FuzzTarget(
        "texts",
        seeds: {
            [
                LedgerHarness.account(1).description, AccountID.derived(module: "tokens", id: [1]).description,
                CID.of(raw: [1]).text, Amount(baseUnits: 1_500).description, Digest.zero.hex,
            ].map { Array($0.utf8) }
        },
        run: { bytes throws(FuzzFinding) in
            guard let text = String(validating: bytes, as: UTF8.self) else { return }
            if let id = try? AccountID(text: text), (try? AccountID(text: id.description)) != id {
                throw FuzzFinding("an account is printed as another one")
            }
            if let id = try? CID(text: text), (try? CID(text: id.text)) != id {
                throw FuzzFinding("a content id is printed as another one")
            }
            if let amount = try? Amount(text), (try? Amount(amount.description)) != amount {
                throw FuzzFinding("an amount is printed as another one")
            }
            if let digest = try? Digest(hex: text), digest.hex != text.lowercased() {
                throw FuzzFinding("a digest is printed as another one")
            }
        })
}

/// Encoded values of a whole script: bodies, records of the state, and what a chain is made of. A record's seeds are
/// those that decode as it.
struct RecordPool: Sendable {
    private let values: [[UInt8]]

    static let shared = RecordPool()

    private init() {
        guard let script = try? LedgerPlaces.whole() else {
            values = []
            return
        }
        let entries = script.ledger.state.store.scan(prefix: [], from: [], limit: .max)
        let small = entries.prefix(3).map { StateChange(path: $0.path, value: $0.value) }
        let chain: [[UInt8]] = [
            Self.header.encoded(), Self.certificate.encoded(), Self.genesis.encoded(), Self.validators.encoded(),
            CertifiedHeader(header: Self.header, certificate: Self.certificate).encoded(),
            (small + [StateChange(path: [1], value: nil)]).encoded(),
        ]
        values =
            (script.calls + script.rareCalls()).map(\.body) + entries.map(\.value)
            + entries.prefix(2).map { $0.encoded() } + chain
    }

    /// At most four that decode as the type.
    func fitting<Value: CBORCodable>(_ type: Value.Type) -> [[UInt8]] {
        Array(values.lazy.filter { (try? Value.decode($0)) != nil }.prefix(4))
    }

    // MARK: What a chain is made of

    static let validator = LedgerHarness.key(0)
    static let validators = ValidatorSet(solo: validator.publicKey)
    static let genesis = Genesis(
        name: "fuzz", timeMilliseconds: 1_700_000_000_000, engine: "solo", validators: validators,
        sections: CBORMap([(key: "tokens", value: .array([.bool(true), .text("a"), .bytes([1])]))]))
    static let body = TransactionBody(
        chain: genesis.chain, account: LedgerHarness.account(1), lane: 0, sequence: 3, validUntilHeight: 100,
        payer: LedgerHarness.account(2), feeLimit: Amount(tokens: 1), module: "tokens",
        call: ActionCall("transfer", Transfer(to: LedgerHarness.account(2), amount: Amount(tokens: 1))))
    static let transaction = Transaction(body, signedBy: [LedgerHarness.key(1), LedgerHarness.key(2)])
    static let receipts = [
        Receipt(
            code: .ok, fee: Amount(baseUnits: 12), units: 7,
            events: [Event(module: "tokens", kind: "transfer", accounts: [LedgerHarness.account(1)], payload: [0x80])]),
        Receipt(code: .wrongSequence, fee: .zero, units: 0, events: []),
    ]
    static let history: TransactionHistory = {
        var history = TransactionHistory()
        for _ in 0..<3 { history.append(transaction.id) }
        return history
    }()
    static let header = header(stateRoot: .zero)
    static let certificate = certificate(of: header)
    static let vote = Vote(chain: genesis.chain, height: 5, round: 0, step: .commit, headerID: header.id)
    static let block = Block(header: header, transactions: [transaction.encoded])
    static let reserve = ReserveBody(
        dataset: .zero, job: .zero, costPerRound: LedgerScript.cost, rounds: 2)
    static let spend = SpendBody(
        dataset: .zero, job: .zero, round: 1, commitment: .zero, cost: LedgerScript.cost)

    static func header(stateRoot: Digest) -> Header {
        Header(
            chain: genesis.chain, height: 5, parent: .zero, timeMilliseconds: 1_700_000_000_001,
            proposer: validator.publicKey, beaconProof: [UInt8](repeating: 7, count: 80), rulesVersion: 1,
            engine: "solo", validatorSetDigest: validators.digest, nextValidatorSetDigest: validators.digest,
            stateRoot: stateRoot, transactionsRoot: .zero, receiptsRoot: history.root(), historyRoot: history.root(),
            historySize: history.size)
    }

    static func certificate(of header: Header) -> Certificate {
        let vote = Vote(
            chain: header.chain, height: header.height, round: 0, step: .commit, headerID: header.id)
        return Certificate(
            round: 0, signatures: [SignedBy(key: validator.publicKey, signature: validator.sign(vote.message))])
    }
}
