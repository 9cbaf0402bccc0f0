import Ledger
import Node
import Primitives
import Staking

/// What a node's state says of staking.
struct StakeReader {
    let service: any NodeService
    let parameters: StakingParameters

    /// Throws where the chain has no staking.
    init(_ service: any NodeService) async throws {
        guard let value = try await service.state(at: StakingPaths.parameters.bytes).value else {
            throw CommandFailure(
                .notFound, "the chain has no staking: its validators are those of its genesis",
                hint: "`vinculum init --stake` makes a chain that has")
        }
        self.service = service
        parameters = try StakingParameters.decode(value)
    }

    private func record<Record: CBORCodable>(
        _ type: Record.Type = Record.self, at path: RecordPath
    ) async throws -> Record? {
        try await service.state(at: path.bytes).value.map { try Record.decode($0) }
    }

    private func entries<Record: CBORCodable>(
        below path: RecordPath, as type: Record.Type = Record.self
    ) async throws -> [(name: [UInt8], value: Record)] {
        var found: [(name: [UInt8], value: Record)] = []
        var start: [UInt8]?
        repeat {
            let page = try await service.list(prefix: path.bytes, after: start, limit: 500)
            for entry in page.entries {
                found.append((Array(entry.path.dropFirst(path.bytes.count)), try Record.decode(entry.value)))
            }
            start = page.hasMore ? page.entries.last?.path : nil
        } while start != nil
        return found
    }

    func validator(_ account: AccountID) async throws -> ValidatorRecord? {
        try await record(at: StakingPaths.validator(account))
    }

    func validators() async throws -> [(account: AccountID, record: ValidatorRecord)] {
        try await entries(below: StakingPaths.validators, as: ValidatorRecord.self).map {
            (try AccountID(bytes: $0.name), $0.value)
        }
    }

    /// Those who validate in this epoch.
    func active() async throws -> [ActiveSet.Member] {
        try await record(ActiveSet.self, at: StakingPaths.activeSet)?.members ?? []
    }

    struct Position {
        let id: PositionID
        let stake: Amount
        let lockedUntil: UInt64
        let hasBonus: Bool
        let earned: Amount
    }

    func positions(of holder: AccountID) async throws -> [Position] {
        var positions: [Position] = []
        for entry in try await entries(below: StakingPaths.positions(of: holder), as: PositionRecord.self) {
            guard let id = PositionID(holder.bytes + entry.name), let record = try await validator(id.validator) else {
                continue
            }
            positions.append(
                Position(
                    id: id, stake: record.bonded.value(of: entry.value.shares), lockedUntil: entry.value.lockedUntil,
                    hasBonus: entry.value.weightTenths > 10,
                    earned: record.rewards.earned(weight: entry.value.weight, since: entry.value.index)))
        }
        return positions
    }

    struct Withdrawal {
        let validator: AccountID
        let amount: Amount
        /// Nil while the epoch runs in which it left; 0 for what has matured long ago.
        let maturesMilliseconds: UInt64?
    }

    func withdrawals(of holder: AccountID) async throws -> [Withdrawal] {
        var withdrawals: [Withdrawal] = []
        for entry in try await entries(below: StakingPaths.withdrawals(of: holder), as: Amount.self) {
            guard let validator = try? AccountID(bytes: entry.name.prefix(AccountID.byteCount)),
                let epoch = UInt64(bigEndianBytes: entry.name.dropFirst(AccountID.byteCount)),
                let bucket = try await record(SharePool.self, at: StakingPaths.bucket(validator, epoch: epoch))
            else { continue }
            let ended = try await record(EpochRecord.self, at: StakingPaths.epoch(epoch))
            withdrawals.append(
                Withdrawal(
                    validator: validator, amount: bucket.value(of: entry.value.baseUnits),
                    maturesMilliseconds: ended.map { parameters.maturity(of: $0) } ?? 0))
        }
        return withdrawals
    }
}
