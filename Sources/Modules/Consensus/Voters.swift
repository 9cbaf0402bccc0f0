import Ledger
import Primitives
import Staking

/// The validators that decide together on a chain's engine, with the power that they certify blocks with.
struct Voters {
    struct Member {
        let account: AccountID
        let key: PublicKey
        let power: UInt64
    }

    let members: [Member]
    /// More than two thirds, or what the chain's elections ask for.
    let threshold: UInt64

    init(_ rules: ConsensusGenesis, _ context: inout ModuleContext) throws(Refusal) {
        let quorum = try StakingModule.quorumRule(&context)
        if quorum != nil {
            members = try StakingModule.members(&context).map {
                Member(account: $0.operatorAccount, key: $0.key, power: $0.power)
            }
        } else {
            // A validator's own account: that of its key.
            members = rules.validators.map { Member(account: AccountID($0.key), key: $0.key, power: $0.power) }
        }
        let total = members.reduce(UInt64(0)) { $0 + $1.power }
        guard total > 0 else { throw Refusal(.stateCorrupt, "the chain has no validators") }
        threshold = (quorum ?? .twoThirds).threshold(of: total)
    }

    func member(_ account: AccountID) -> Member? { members.first { $0.account == account } }

    func power(of approval: Approval, _ context: inout ModuleContext) throws(Refusal) -> UInt64 {
        var power: UInt64 = 0
        for member in members
        where try context.load(Approval.self, at: ConsensusPaths.approval(member.key)) == approval {
            power += member.power
        }
        return power
    }
}
