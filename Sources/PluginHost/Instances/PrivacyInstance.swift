import CVinculum
import Primitives

/// What a privacy plugin can guarantee: `vin_privacy_capability`.
public struct PrivacyCapability: Sendable, Hashable {
    public enum Unit: UInt32, Sendable {
        case record = 1
        case person, site
    }
    public enum Relation: UInt32, Sendable {
        case addOrRemove = 1
        case replaceOne
    }
    public enum Adversary: UInt32, Sendable {
        case everyone = 1
        case allButAggregator, colludingMembers
    }
    public enum Shown: UInt32, Sendable {
        case singleUpdates = 1
        case groupSums, oneSum
    }

    public let unit: Unit
    public let relation: Relation
    public let adversary: Adversary
    public let shown: Shown
    public let membersLeast: UInt32
    public let colludingMembersMax: UInt32
    public let messageSteps: UInt32
    public let dropoutsMaxMillionths: UInt32

    public init(
        unit: Unit, relation: Relation, adversary: Adversary, shown: Shown = .singleUpdates, membersLeast: UInt32 = 1,
        colludingMembersMax: UInt32 = 0, messageSteps: UInt32 = 0, dropoutsMaxMillionths: UInt32 = 0
    ) {
        self.unit = unit
        self.relation = relation
        self.adversary = adversary
        self.shown = shown
        self.membersLeast = membersLeast
        self.colludingMembersMax = colludingMembersMax
        self.messageSteps = messageSteps
        self.dropoutsMaxMillionths = dropoutsMaxMillionths
    }
}

/// What a job asks of a privacy plugin: `vin_privacy_job`. Give either an epsilon or a noise multiplier.
public struct PrivacyJob: Sendable, Hashable {
    public var capability: UInt32 = 0
    public var epsilonBillionths: UInt64 = 0
    public var deltaTrillionths: UInt64 = 10_000_000
    public var noiseMultiplierMillionths: UInt64 = 0
    public var sensitivityInGridSteps: UInt64
    public var count: UInt64
    public var gridBits: UInt32
    public var roundsPlanned: UInt32
    public var members: UInt32
    public var dropoutsMax: UInt32 = 0
    public var unitsPerPersonMax: UInt32 = 0

    public init(sensitivityInGridSteps: UInt64, count: UInt64, gridBits: UInt32, roundsPlanned: UInt32, members: UInt32)
    {
        self.sensitivityInGridSteps = sensitivityInGridSteps
        self.count = count
        self.gridBits = gridBits
        self.roundsPlanned = roundsPlanned
        self.members = members
    }
}

/// The plugin's answer: `vin_privacy_plan`.
public struct PrivacyPlan: Sendable, Hashable {
    public let noiseScaleInGridSteps: UInt64
    public let epsilonBillionths: UInt64
    public let expansionBytes: UInt64
    /// One round, in 1e-9 at the 32 orders.
    public let costOfRound: [UInt64]
}

/// A round that begins: `vin_privacy_round`.
public struct PrivacyRound: Sendable {
    public enum Role: UInt32, Sendable {
        case site = 1
        case aggregator
    }

    public var role: Role
    public var job: Digest
    public var model: Digest
    public var membersRoot: Digest
    /// Fresh and secret; from the operating system, never from a seed.
    public var entropy: Digest
    public var ownKey: PublicKey
    public var round: UInt32
    public var members: [PublicKey]

    public init(
        role: Role, job: Digest, model: Digest, membersRoot: Digest, entropy: Digest, ownKey: PublicKey, round: UInt32,
        members: [PublicKey]
    ) {
        self.role = role
        self.job = job
        self.model = model
        self.membersRoot = membersRoot
        self.entropy = entropy
        self.ownKey = ownKey
        self.round = round
        self.members = members
    }
}

/// A privacy mechanism. See `draft/privacy.h` for what the calls promise.
public final class PrivacyInstance: PluginInstance {
    public func capabilities() throws(PluginError) -> [PrivacyCapability] {
        let bytes = try target.invoke(.capabilities, [], [])[0]
        let size = MemoryLayout<vin_privacy_capability>.size
        var result: [PrivacyCapability] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            guard
                let record = Plain.value(
                    Array(bytes[start..<min(start + size, bytes.count)]), as: vin_privacy_capability.self),
                let unit = PrivacyCapability.Unit(rawValue: record.unit),
                let relation = PrivacyCapability.Relation(rawValue: record.relation),
                let adversary = PrivacyCapability.Adversary(rawValue: record.adversary),
                let shown = PrivacyCapability.Shown(rawValue: record.shown), record.reserved == 0
            else { throw malformed("capability", "a guarantee has a value outside its list, or sets a reserved field") }
            result.append(
                PrivacyCapability(
                    unit: unit, relation: relation, adversary: adversary, shown: shown,
                    membersLeast: record.members_least, colludingMembersMax: record.colluding_members_max,
                    messageSteps: record.message_steps, dropoutsMaxMillionths: record.dropouts_max_e6))
        }
        return result
    }

    public func plan(_ job: PrivacyJob) throws(PluginError) -> PrivacyPlan {
        let record = vin_privacy_job(
            struct_size: UInt32(MemoryLayout<vin_privacy_job>.size), capability: job.capability,
            epsilon_e9: job.epsilonBillionths, delta_e12: job.deltaTrillionths,
            noise_multiplier_e6: job.noiseMultiplierMillionths, sensitivity_grid: job.sensitivityInGridSteps,
            count: job.count, grid_bits: job.gridBits, rounds_planned: job.roundsPlanned, members: job.members,
            dropouts_max: job.dropoutsMax, units_per_person_max: job.unitsPerPersonMax, reserved: 0)
        guard
            let plan = Plain.value(
                try target.invoke(.privacyPlan, [Plain.bytes(record)], [])[0], as: vin_privacy_plan.self)
        else { throw malformed("plan", "the plan has the wrong size") }
        guard plan.reserved == 0 else { throw malformed("plan", "the plan sets a reserved field") }
        return PrivacyPlan(
            noiseScaleInGridSteps: plan.noise_scale_grid, epsilonBillionths: plan.epsilon_e9,
            expansionBytes: plan.expansion_bytes, costOfRound: Self.orders(Plain.bytes(plan.cost)))
    }

    public func begin(_ round: PrivacyRound) throws(PluginError) {
        let members = round.members.sorted()
        let record = vin_privacy_round(
            struct_size: UInt32(MemoryLayout<vin_privacy_round>.size), role: round.role.rawValue,
            job: round.job.record, model: round.model.record, members_root: round.membersRoot.record,
            entropy: round.entropy.record, own_key: round.ownKey.record, round: round.round,
            members_count: UInt32(members.count), members: nil)
        _ = try target.invoke(.begin, [Plain.bytes(record), members.flatMap(\.bytes)], [])
    }

    /// The cost of the next release, in 1e-9 at the 32 orders. Record it before `release`.
    public func spend() throws(PluginError) -> [UInt64] {
        let bytes = try target.invoke(.spend, [], [])[0]
        guard bytes.count == MemoryLayout<vin_privacy_cost>.size else {
            throw malformed("spend", "the cost has the wrong size")
        }
        return Self.orders(bytes)
    }

    /// Room for a vector that passes without a copy, zeros at first.
    public func makeBuffer(count: Int) throws(PluginError) -> PluginBuffer { try target.makeBuffer(count: count) }

    /// Protects the buffer in place; answers the bytes that travel with it.
    public func release(
        _ buffer: PluginBuffer, sensitivityInGridSteps: UInt64, gridBits: UInt32
    ) throws(PluginError) -> [UInt8] {
        try target.invoke(.release, [Plain.bytes(sensitivityInGridSteps), Plain.bytes(gridBits)], [buffer])[0]
    }

    /// Adds a member's vector to the total.
    public func combine(
        member: PublicKey, vector: PluginBuffer, total: PluginBuffer, extra: [UInt8] = []
    ) throws(PluginError) {
        _ = try target.invoke(.combine, [member.bytes, extra], [vector, total])
    }

    /// Finishes the total, given the members whose vector did not come.
    public func recover(total: PluginBuffer, lost: [PublicKey] = []) throws(PluginError) {
        _ = try target.invoke(.recover, [lost.sorted().flatMap(\.bytes)], [total])
    }

    /// A message of the protocol (records of `draft/privacy-messages.h`); empty at the start.
    public func message(_ record: [UInt8]) throws(PluginError) -> [UInt8] {
        try target.invoke(.message, [record], [])[0]
    }

    public func end() throws(PluginError) { _ = try target.invoke(.end, [], []) }

    private static func orders(_ bytes: [UInt8]) -> [UInt64] {
        bytes.withUnsafeBytes { raw in
            stride(from: 0, to: raw.count, by: 8).map { raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self) }
        }
    }
}
