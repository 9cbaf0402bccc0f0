import Ledger
import LedgerSupport
import Primitives
import Staking

/// Staking in the fuzzed ledger: the outsider is the proposer's operator, a second of the chain's time is a block, an
/// epoch, and half of unbonding.
extension LedgerScript {
    static let stakingGenesis: StakingGenesis = {
        var parameters = StakingParameters()
        parameters.epochMilliseconds = 1
        parameters.dayMilliseconds = 1
        parameters.unbondingDays = 2_000
        parameters.absenceProposals = 0
        parameters.powerRule = .contribution
        let founder = Founder(
            operatorAccount: LedgerHarness.account(99), key: LedgerHarness.key(0).publicKey, commission: 50_000,
            maximumCommission: 100_000, stake: Amount(tokens: 100_000))
        return StakingGenesis(parameters: parameters, founders: [founder])
    }()

    private static let consensusKey = LedgerHarness.key(5)

    mutating func playStaking(_ isEnough: (Self) -> Bool) throws {
        let own = LedgerHarness.account(99)
        let register = RegisterBody(
            key: Self.consensusKey, of: LedgerHarness.account(31), chain: LedgerHarness.chain, commission: 0,
            maximumCommission: 1, stake: Amount(tokens: 200_000), term: .halfYear)
        try send("staking", "register", register, from: 31, isEnough)
        let delegate = DelegateBody(validator: own, amount: Amount(tokens: 10), term: .month)
        try send("staking", "delegate", delegate, from: 1, isEnough)
        try send("staking", "set_commission", CommissionBody(commission: 100_000), from: 99, isEnough)
        let relock = RelockBody(validator: own, from: .month, to: .year)
        try send("staking", "relock", relock, from: 1, isEnough)
        let unbond = UnbondBody(validator: own, term: .year, amount: Amount(tokens: 4))
        try send("staking", "unbond", unbond, from: 1, isEnough)
        try send("staking", "collect", EmptyBody(), from: 99, isEnough)
        try wait()
        try send("staking", "withdraw", EmptyBody(), from: 1, isEnough)
        let report = ReportBody(evidence: Self.contradiction(height: ledger.height + 1))
        try send("staking", "report", report, from: 1, isEnough)
    }

    /// Two commit votes for different blocks.
    static func contradiction(height: UInt64) -> Evidence {
        let votes = [Digest.blake2b256([1]), .blake2b256([2])].map {
            Vote(chain: LedgerHarness.chain, height: height, round: 0, step: .commit, headerID: $0)
        }
        return Evidence(
            offender: consensusKey.publicKey, first: votes[0], second: votes[1],
            firstSignature: consensusKey.sign(votes[0].message), secondSignature: consensusKey.sign(votes[1].message))
    }

    static let appraisals = RevealAppraisalsBody(
        salt: .zero, appraisals: [Appraisal(subject: LedgerHarness.account(31), score: 500_000)])

    /// What one does when something goes wrong, or to what was left.
    static func rareStakingCalls() -> [(action: String, body: [UInt8], key: UInt64)] {
        let own = LedgerHarness.account(99)
        return [
            ("unjail", EmptyBody().encoded(), 31),
            ("appraise", AppraiseBody(commitment: .zero).encoded(), 99),
            ("reveal_appraisals", appraisals.encoded(), 99),
            ("unbond", UnbondBody(validator: own, term: .month, amount: nil).encoded(), 99),
            ("report", ReportBody(evidence: contradiction(height: 3)).encoded(), 2),
        ]
    }
}
