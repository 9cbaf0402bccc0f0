import CVinculum
import Testing

@testable import PrivacyDP

/// The plugin through the interface: plan, begin, spend, release, end; and the aggregator's side.
@Suite("privacy-dp behind the interface", .serialized)
struct PrivacyPluginTests {
    private final class Mechanism {
        let host = TestHost()
        let table: UnsafePointer<vin_privacy>

        init() throws {
            table = try LoadedPlugin(named: "privacy-dp").instance(
                kind: VIN_KIND_PRIVACY, id: "org.vinculum.privacy-dp", host: host, as: vin_privacy.self)
        }

        deinit { table.pointee.destroy(table.pointee.plugin_data) }

        func plan(epsilon: Double = 3, capability: UInt32 = 0, count: UInt64 = 3) throws -> vin_privacy_plan {
            var job = vin_privacy_job()
            job.struct_size = UInt32(MemoryLayout<vin_privacy_job>.size)
            job.capability = capability
            job.epsilon_e9 = UInt64(epsilon * 1e9)
            job.delta_e12 = 10_000_000
            job.sensitivity_grid = 1 << 20
            job.count = count
            job.grid_bits = 20
            job.rounds_planned = 30
            job.members = 10
            var plan = vin_privacy_plan()
            plan.struct_size = UInt32(MemoryLayout<vin_privacy_plan>.size)
            try host.check(table.pointee.plan(table.pointee.plugin_data, &job, &plan))
            return plan
        }

        func begin(round: UInt32, entropy: UInt8, role: Int = VIN_ROLE_SITE) throws {
            var record = vin_privacy_round()
            record.struct_size = UInt32(MemoryLayout<vin_privacy_round>.size)
            record.role = UInt32(role)
            record.job = digest(1)
            record.entropy = digest(entropy)
            record.round = round
            try host.check(table.pointee.begin(table.pointee.plugin_data, &record))
        }

        func spend() throws -> vin_privacy_cost {
            var cost = vin_privacy_cost()
            try host.check(table.pointee.spend(table.pointee.plugin_data, &cost))
            return cost
        }

        func release(_ values: inout [Int64]) throws {
            var record = vin_privacy_release()
            record.struct_size = UInt32(MemoryLayout<vin_privacy_release>.size)
            record.count = UInt64(values.count)
            record.sensitivity_grid = 1 << 20
            record.grid_bits = 20
            let (status, extra) = collecting { sink in
                values.withUnsafeMutableBufferPointer { buffer in
                    record.sum = UnsafePointer(buffer.baseAddress)
                    record.out = buffer.baseAddress
                    return table.pointee.release(table.pointee.plugin_data, &record, sink)
                }
            }
            try host.check(status)
            #expect(extra.isEmpty)
        }

        func combine(_ vector: [Int64], into total: inout [Int64]) throws {
            var record = vin_privacy_share()
            record.struct_size = UInt32(MemoryLayout<vin_privacy_share>.size)
            record.count = UInt64(vector.count)
            let status = vector.withUnsafeBufferPointer { vector in
                total.withUnsafeMutableBufferPointer { total in
                    record.vector = vector.baseAddress
                    record.total = total.baseAddress
                    return table.pointee.combine(table.pointee.plugin_data, &record)
                }
            }
            try host.check(status)
        }

        func end() throws { try host.check(table.pointee.end(table.pointee.plugin_data)) }
    }

    @Test("plans within epsilon, noises once a round, and charges what it said")
    func wholeRound() throws {
        let mechanism = try Mechanism()
        let plan = try mechanism.plan()
        #expect(plan.epsilon_e9 <= 3_000_000_002 && plan.epsilon_e9 > 2_990_000_000)
        try mechanism.begin(round: 1, entropy: 1)
        let cost = try mechanism.spend()
        #expect(cost.orders.0 == plan.cost.orders.0 && cost.orders.31 == plan.cost.orders.31)
        var values: [Int64] = [10, 20, 30]
        try mechanism.release(&values)
        #expect(values.contains { abs($0) > 1 << 20 })
        #expect(throws: Refused.self) { try mechanism.spend() }
        try mechanism.end()
        #expect(throws: Refused.self) { try mechanism.begin(round: 1, entropy: 2) }
        #expect(throws: Refused.self) { try mechanism.begin(round: 2, entropy: 1) }
        #expect(throws: Refused.self) { try mechanism.begin(round: 2, entropy: 0) }
        try mechanism.begin(round: 2, entropy: 2)
        #expect(throws: Refused.self) { try mechanism.release(&values) }
        try mechanism.end()
    }

    @Test("adds members' vectors in integers, and refuses a total that overflows, unchanged")
    func combines() throws {
        let mechanism = try Mechanism()
        _ = try mechanism.plan()
        try mechanism.begin(round: 1, entropy: 1, role: VIN_ROLE_AGGREGATOR)
        var total: [Int64] = [0, 0, 0]
        try mechanism.combine([1, 2, 3], into: &total)
        try mechanism.combine([-5, 0, .max - 3], into: &total)
        #expect(total == [-4, 2, .max])
        #expect(throws: Refused(status: 4, message: "the total overflows 64 bits")) {
            try mechanism.combine([1, 1, 1], into: &total)
        }
        #expect(total == [-4, 2, .max])
        try mechanism.end()
    }

    @Test("says what it can guarantee, and refuses what it cannot")
    func capabilities() throws {
        let mechanism = try Mechanism()
        #expect(mechanism.table.pointee.capability_count(mechanism.table.pointee.plugin_data) == 3)
        #expect(throws: Refused.self) { try mechanism.plan(capability: 9) }
        #expect(throws: Refused.self) { try mechanism.plan(capability: 1) }
        #expect(throws: Refused.self) { try mechanism.plan(count: 0) }
        #expect(throws: Refused(status: 5, message: MechanismRefusal.noNoiseSuffices.sentence)) {
            try mechanism.plan(epsilon: 0.000_001)
        }
    }
}
